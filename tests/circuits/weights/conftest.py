"""The arrays of a network from elsewhere, for the tests of reading them."""

import elsewhere
import pytest


@pytest.fixture
def arrays():
    """Arrays that a test may spoil."""
    return elsewhere.random_arrays()
