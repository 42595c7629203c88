import pytest

from chaotic import short_form


@pytest.mark.process
def test_a_hostile_run_is_refused_in_one_line(tmp_path):
    short_form("untrusted", tmp_path)
