"""Packages that an extra brings."""

import re

import pytest

from jaxgrok.host.packages import needed


def test_a_package_that_is_missing_is_named_with_its_extra():
    assert needed("re", extra="none") is re
    with pytest.raises(ValueError, match=r"no_such is not .* 'jaxgrok\[tracker\]'"):
        needed("no_such", extra="tracker")
