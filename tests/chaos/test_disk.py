import shutil

import pytest

from chaotic import short_form


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_disk_that_refuses_costs_nothing(tmp_path):
    short_form("disk", tmp_path, timeout=600)
