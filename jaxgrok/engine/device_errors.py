"""What a device refuses to compile or to run, in one line with the way out.

>>> try:
...     engine.advance(100)
... except REFUSALS as error:
...     print(cause(error, block_width=64))
"""

import jax

from jaxgrok.host import memory
from jaxgrok.host.error_text import first_line

REFUSALS = (RuntimeError, MemoryError, OSError)
"""What is raised where a device runs out of memory, or lacks an operation. JAX's own
errors are RuntimeErrors, as is that no thread can be started."""


def is_refusal(error: Exception) -> bool:
    """Tell whether one of REFUSALS is the device's, and not of a user's function."""
    if isinstance(error, NotImplementedError):
        return "translation rule" in str(error) or "for platform" in str(error)
    return isinstance(error, jax.errors.JaxRuntimeError) or memory.ran_out(error)


def cause(error: Exception, block_width: int) -> str:
    """Say why a group cannot be trained, and what can be done.

    Args:
        error: one of REFUSALS.
        block_width: lanes of the group's blocks.
    """
    line = first_line(error)
    if memory.ran_out(error):
        return f"{_too_large(block_width)} ({line})"
    if "NOT_FOUND" in line:
        lanes = "one lane" if block_width == 1 else f"a block of {block_width} lanes"
        advice = "take a smaller model" if block_width == 1 else _narrower(block_width)
        return f"the device's compiler finds no program for {lanes}; {advice} ({line})"
    if isinstance(error, NotImplementedError) or "UNIMPLEMENTED" in line:
        return (
            "the device lacks an operation of this training; take precision='float32' "
            f"and loss='exact' if they are set otherwise, or JAX_PLATFORMS=cpu ({line})"
        )
    return line


def _too_large(block_width: int) -> str:
    """Say that a block does not fit the memory."""
    if block_width == 1:
        return (
            "one lane does not fit the device's memory; take fewer examples, batches "
            "or a smaller model"
        )
    return (
        f"a block of {block_width} lanes does not fit the device's memory; "
        f"{_narrower(block_width)}"
    )


def _narrower(block_width: int) -> str:
    """Name the flag that makes blocks narrower."""
    return f"take a narrower one, --grid.block_width={max(block_width // 2, 1)}"
