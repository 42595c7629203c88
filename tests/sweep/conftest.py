"""A sweep that was never interrupted, for others to be compared with."""

import pytest

import jaxgrok
import tiny
from runs import FIELDS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run directory of a sweep of `FIELDS`."""
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(tiny.config(**FIELDS), path, blocks=2, quiet=True)
    return path
