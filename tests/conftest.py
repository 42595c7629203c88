"""Strict: warnings are errors, rank promotion raises, four CPU devices."""

import os
import tempfile

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

import jax
import pytest

import tiny
from jaxgrok.engine import compilation

jax.config.update("jax_default_matmul_precision", "highest")


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(scope="module")
def hurried():
    """Engines whose programs are compiled in a hurry: where neither bits nor speed are.

    A module asks for it by `pytestmark`; those on bits have programs as shipped.
    """

    def forget():
        compilation._initialiser.cache_clear()
        compilation._shared_evaluator.cache_clear()

    forget()
    with pytest.MonkeyPatch.context() as patch:
        options = compilation.CPU_OPTIONS | tiny.UNOPTIMISED
        patch.setattr(compilation, "CPU_OPTIONS", options)
        yield
    forget()
