"""Strict: warnings are errors, rank promotion raises, four CPU devices."""

import gc
import os
import tempfile
import uuid
from collections import Counter

# Saves compiling the same tiny program in every test; no test needs a hit. Test
# processes side by side share the folder of the one that started them.
# JAXGROK_TEST_CACHE names a folder that outlives a run: the next run compiles less.
if "PYTEST_XDIST_WORKER" not in os.environ:
    CACHE = tempfile.TemporaryDirectory(prefix="jaxgrok-tests-")
    kept = os.environ.get("JAXGROK_TEST_CACHE")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = kept or CACHE.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "4")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import fsspec
import jax
import pytest

import tiny
from jaxgrok.engine import compilation, program_cache
from jaxgrok.fleet import seat
from jaxgrok.sweep import figures
from runs import assembled

REDRAW = figures.redraw

# Python would search JAX and thousands of tests for garbage, over and over.
gc.set_threshold(100_000, 50, 100)

# Test processes share the cache: JAX would let one read what another has half written.
program_cache.keep_whole()
jax.config.update("jax_default_matmul_precision", "highest")
# Not as a context, which other threads would not see.
jax.config.update("jax_numpy_rank_promotion", "raise")
os.environ.setdefault("XLA_FLAGS", tiny.UNOPTIMISED)
jax.devices()  # reads the flags, which are not for processes that tests start
if os.environ["XLA_FLAGS"] == tiny.UNOPTIMISED:
    del os.environ["XLA_FLAGS"]


def pytest_collection_modifyitems(items):
    """Begin with files of long and of many tests: a long end leaves cores idle."""
    marks = "process", "browser", "notebook", "long"
    first = {item.path for item in items if any(map(item.get_closest_marker, marks))}
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in first, -sizes[item.path]))


def pytest_collection_finish():
    """Leave what is there by now out of all searches for garbage."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def opened_at_once():
    """Seats wait for their programs, however busy the machine: tests count answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat, "OPEN_SECONDS", 60.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_figures():
    """Sweeps draw no figures, which take longer than a tiny sweep."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "redraw", assembled)
        yield


@pytest.fixture(scope="module")
def with_figures():
    """Sweeps draw their figures and write their page, as for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "redraw", REDRAW)
        yield


@pytest.fixture
def bucket():
    """The URL of an empty bucket, in memory; emptied again behind the test."""
    name = uuid.uuid4().hex
    yield f"memory://{name}"
    if (memory := fsspec.filesystem("memory")).exists(name):
        memory.rm(name, recursive=True)


@pytest.fixture(scope="module")
def shipped():
    """Engines whose programs are compiled as for users: for modules on bits."""

    def forget():
        compilation._initialiser.cache_clear()
        compilation._shared_evaluator.cache_clear()

    forget()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CPU_OPTIONS", "INIT_OPTIONS"):
            chosen = tiny.AS_SHIPPED | getattr(compilation, name)
            patch.setattr(compilation, name, chosen)
        yield
    forget()
