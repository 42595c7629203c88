import pytest

from chaotic import short_form


@pytest.mark.process
def test_nothing_grows(tmp_path):
    short_form("long_haul", tmp_path)
