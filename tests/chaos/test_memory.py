import pytest

from chaotic import short_form


@pytest.mark.process
def test_what_the_kernel_kills_for_its_memory_goes_on_to_the_same_bytes(tmp_path):
    short_form("memory", tmp_path)
