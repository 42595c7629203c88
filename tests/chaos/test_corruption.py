import pytest

from chaotic import short_form


@pytest.mark.process
def test_damage_is_named_and_never_read_as_a_number(tmp_path):
    short_form("corruption", tmp_path)
