import pytest

from chaotic import short_form


@pytest.mark.process
def test_the_same_command_gives_the_same_bytes(tmp_path):
    short_form("reproduction", tmp_path)
