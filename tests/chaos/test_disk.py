import pytest

from chaotic import short_form


@pytest.mark.process
def test_a_disk_that_refuses_costs_one_line_and_no_result(tmp_path):
    short_form("disk", tmp_path)
