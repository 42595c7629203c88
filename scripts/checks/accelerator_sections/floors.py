"""What a device can do at most: a big product, and a big copy.

>>> product_rate(8192, "highest")  # FLOP/s
>>> bandwidth(2**28)  # bytes/s, read and written
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

REPEATS, SLOW = 5, 1.0
"""Measurements of a call, but only one if it takes so many seconds."""


def product_rate(size: int, precision: str) -> float:
    """Return the FLOP/s of [size, size] products in a precision that JAX names.

    The matrices are random: on zeros a chip is faster.
    """
    generator = np.random.default_rng(0)
    a, b = (
        jax.device_put(generator.normal(size=(size, size)).astype(np.float32))
        for _ in range(2)
    )
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision=precision))
    return 2 * size**3 / _seconds(lambda: product(a, b))


def bandwidth(count: int) -> float:
    """Return the bytes/s that reading and writing `count` floats moves."""
    x = jnp.ones(count, jnp.float32)
    add = jax.jit(lambda x: x + 1)
    return 2 * x.nbytes / _seconds(lambda: add(x))


def _seconds(run: Callable[[], jax.Array]) -> float:
    """Return the seconds of one call, the median of REPEATS of several in a row."""
    jax.block_until_ready(run())
    start = time.perf_counter()
    jax.block_until_ready(run())
    seconds = time.perf_counter() - start
    if seconds > SLOW:
        return seconds
    calls = int(np.clip(0.05 / seconds, 1, 100))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(calls):
            last = run()
        jax.block_until_ready(last)
        times.append((time.perf_counter() - start) / calls)
    return float(np.median(times))
