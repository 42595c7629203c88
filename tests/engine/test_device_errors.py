"""What a device refuses is said in one line that names the way out."""

import jax
import pytest

from jaxgrok.engine.device_errors import REFUSALS, cause, is_refusal
from jaxgrok.host import error_text

runtime = jax.errors.JaxRuntimeError


@pytest.mark.parametrize(
    ("error", "width", "words"),
    [
        (
            runtime("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm\nUsed"),
            64,
            "a block of 64 lanes does not fit the device's memory; take a narrower "
            "one, --grid.block_width=32 (RESOURCE_EXHAUSTED: Ran out of memory in "
            "memory space hbm)",
        ),
        (
            runtime("RESOURCE_EXHAUSTED: Out of memory"),
            1,
            "one lane does not fit the device's memory; take fewer examples, batches "
            "or a smaller model (RESOURCE_EXHAUSTED: Out of memory)",
        ),
        (
            runtime("NOT_FOUND: No algorithm worked!"),
            9,
            "the device's compiler finds no program for a block of 9 lanes; take a "
            "narrower one, --grid.block_width=4 (NOT_FOUND: No algorithm worked!)",
        ),
        (
            runtime("NOT_FOUND: No algorithm worked!"),
            1,
            "the device's compiler finds no program for one lane; take a smaller model "
            "(NOT_FOUND: No algorithm worked!)",
        ),
        (
            runtime("UNIMPLEMENTED: Unsupported algorithm ALG_DOT_TF32_TF32_F32"),
            2,
            "the device lacks an operation of this training; take precision='float32' "
            "and loss='exact' if they are set otherwise, or JAX_PLATFORMS=cpu "
            "(UNIMPLEMENTED: Unsupported algorithm ALG_DOT_TF32_TF32_F32)",
        ),
        (runtime("INTERNAL: a kernel failed\nat"), 2, "INTERNAL: a kernel failed"),
        (runtime(""), 2, "JaxRuntimeError"),
    ],
)
def test_an_error_becomes_one_line(error, width, words):
    assert isinstance(error, REFUSALS)
    assert cause(error, width) == words


def test_an_operation_without_a_rule_for_the_device_is_one_that_it_lacks():
    error = NotImplementedError("MLIR translation rule for primitive 'eig' not found")
    assert isinstance(error, REFUSALS)
    assert is_refusal(error)
    assert cause(error, 2).startswith("the device lacks an operation of this training")


def test_what_a_users_function_has_not_implemented_is_no_refusal():
    assert not is_refusal(NotImplementedError("pool() is to be written"))
    assert is_refusal(runtime("INTERNAL"))


def test_long_messages_are_cut():
    assert cause(runtime("x" * 1000), 2) == "x" * error_text.MOST


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't start new thread"), OSError(12, "no memory")],
    ids=repr,
)
def test_memory_that_ran_out_elsewhere_is_the_device_s_as_well(error):
    assert isinstance(error, REFUSALS) and is_refusal(error)
    words = "a block of 2 lanes does not fit the device's memory; take a narrower one"
    assert cause(error, 2).startswith(words)


@pytest.mark.parametrize("error", [RuntimeError("of mine"), OSError(2, "no file")])
def test_other_errors_of_a_users_function_are_no_refusals(error):
    assert isinstance(error, REFUSALS) and not is_refusal(error)
