import pytest

from chaotic import short_form


@pytest.mark.process
def test_killed_anywhere_a_run_ends_with_the_same_bytes(tmp_path):
    short_form("kills", tmp_path)
