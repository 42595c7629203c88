"""Sockets that Dask could not bind or connect stay open until they are collected."""

import gc

import pytest


@pytest.fixture
def collected():
    """Collects them after the test, whose marks allow that, and not in another one."""
    # What there was before needs no look: whole collections take seconds late in a run.
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()
