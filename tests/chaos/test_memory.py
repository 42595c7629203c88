import pytest

from chaotic import short_form


@pytest.mark.process
def test_where_memory_is_short_less_is_computed_to_the_same_bits(tmp_path):
    short_form("memory", tmp_path)
