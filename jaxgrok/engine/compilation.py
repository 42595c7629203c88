"""Compiling for a device, and the programs that several groups share.

>>> program = compiled(lowered, device)
>>> state = initialiser(setup, device)(lane)
"""

import dataclasses
import functools
import os

import jax
import numpy as np

from jaxgrok.engine import program_cache, programs
from jaxgrok.tasks import is_pool
from jaxgrok.training import trainer
from jaxgrok.training.setup import Setup

Options = dict[str, bool | str]
CPU_OPTIONS: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""Without XLA's YNNPACK fusions: they keep elementwise work from being fused with what
reads it. Measured: docs/performance.md."""
GPU_OPTIONS: Options = {
    "xla_gpu_autotune_level": "0",
    "xla_gpu_enable_triton_gemm": False,
    "xla_gpu_dot_merger_threshold_mb": "0",
}
"""With cuBLAS's own choice of a product's kernel. XLA would try several, and choose
others in the next process, so that bits would differ; it takes a minute and is not
faster. Products of a matrix with two others stay apart, as merging them copies both.
Measured: docs/accelerators.md."""
INIT_OPTIONS: Options = {"xla_backend_optimization_level": "1"}
"""For the program that initialises a lane, which runs once a cell: a third to a half of
the time to compile. Its weights may differ from those of a fully optimised program in
their last bits (on jax 0.12; not on 0.10), so every lane is initialised by this one."""


def compiled(
    lowered: jax.stages.Lowered, device: jax.Device, more: Options | None = None
) -> jax.stages.Compiled:
    """Compile with the device's options and more, less those that this XLA lacks."""
    requested = options(device, more)
    program_cache.keep_whole()
    while True:
        try:
            return lowered.compile(compiler_options=requested or None)
        except jax.errors.JaxRuntimeError as error:
            # XLA names the option that it does not know, one at a time.
            unknown = [name for name in requested if name in str(error)]
            if not unknown:
                raise
            requested = {k: v for k, v in requested.items() if k not in unknown}


def options(device: jax.Device, more: Options | None = None) -> Options:
    """Return compiler options, of a CPU more too, but what XLA_FLAGS sets itself."""
    every = {
        "cpu": CPU_OPTIONS | (more or {}),
        "gpu": GPU_OPTIONS,
    }.get(device.platform, {})
    flags = os.environ.get("XLA_FLAGS", "")
    # A compiler option would win over the same flag in XLA_FLAGS, which the user set.
    return {name: value for name, value in every.items() if name not in flags}


def initialiser(setup: Setup, device: jax.Device) -> jax.stages.Compiled:
    """Return the program that initialises one lane, whatever the block width."""
    return _initialiser(unsized(setup), device)


def evaluator(
    setup: Setup, blocks: int, width: int, device: jax.Device
) -> jax.stages.Compiled:
    """Return the program that evaluates blocks on a device."""
    if is_pool(setup.task):
        return _shared_evaluator(unsized(setup), blocks, width, device)
    return _evaluator(setup, blocks, width, device)


def unsized(setup: Setup) -> Setup:
    """Set the train size aside, for programs that do not depend on it."""
    return dataclasses.replace(setup, train_size=1)


@functools.cache
def _initialiser(setup: Setup, device: jax.Device) -> jax.stages.Compiled:
    lane = jax.device_put(programs.one_lane(setup)[0], device)
    init = jax.jit(functools.partial(trainer.init, setup))
    return compiled(init.lower(lane), device, INIT_OPTIONS)


def _evaluator(
    setup: Setup, blocks: int, width: int, device: jax.Device
) -> jax.stages.Compiled:
    sharding = jax.sharding.SingleDeviceSharding(device)

    def shaped(x: np.ndarray) -> jax.ShapeDtypeStruct:
        shape = (blocks, width, *x.shape)
        return jax.ShapeDtypeStruct(shape, x.dtype, sharding=sharding)

    lanes, states = jax.tree.map(shaped, programs.one_lane(unsized(setup)))
    busy = shaped(np.zeros((), bool))
    lowered = programs.evaluate.lower(setup, lanes, states._replace(opt_state=()), busy)
    return compiled(lowered, device)


_shared_evaluator = functools.cache(_evaluator)
"""One program for groups that differ by the size of a pool's training set alone."""
