import pytest

from chaotic import short_form


@pytest.mark.process
def test_asked_to_stop_in_any_phase_a_run_is_soon_gone(tmp_path):
    short_form("stops", tmp_path)
