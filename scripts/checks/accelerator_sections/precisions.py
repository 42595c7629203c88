"""What each precision of matrix products costs, and whether it is what it says."""

import dataclasses
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

import step
from accelerator_sections import gradients
from accelerator_sections.engines_in_turn import compile_all, in_turn
from accelerator_sections.job import Job, one_line
from accelerator_sections.shapes import group_of
from jaxgrok import grid
from jaxgrok.engine import compilation
from jaxgrok.grid import fields
from jaxgrok.host import machine
from jaxgrok.training import precision

ROUNDS = 5
CELL = 40_000
"""Steps of a long training."""
BITS = {"float32": 20.5, "tf32": 10, "bf16x3": 14, "bf16": 7.5}
"""Right bits at least of a product of random numbers."""
SIZE = 256
"""Rows and columns of its matrices."""


def run(job: Job) -> None:
    """Time and check every precision that the field allows, at one block width."""
    group = group_of(job.scale)
    names = grid_precisions()
    if job.quick:
        names = [names[0], names[-1]]
    job.say(width=job.suggested_width(group.block_width), precisions=names)
    for name in names:
        check_products(job, name)
    inputs = gradients.inputs_of(group)
    process = gradients.reference(inputs, job.scale, job.work)
    add_times(job, group, names)
    add_errors(job, group, names, inputs, gradients.read_reference(process, job.work))


def grid_precisions() -> list[str]:
    """Return the values that the field `precision` allows, the default first."""
    row = fields.general()["precision"]
    return sorted(row.names, key=lambda name: name != row.default)


def in_precision(group: grid.Group, name: str) -> grid.Group:
    """Return the group with its products in a precision."""
    setup = dataclasses.replace(group.setup, precision=name)
    return dataclasses.replace(group, setup=setup)


def check_products(job: Job, name: str) -> None:
    """Multiply a matrix by a matrix and by a vector, and compare with float64."""
    device = jax.local_devices()[0]
    kind = precision.products(name, device.platform)
    generator = np.random.default_rng(0)
    a, b = (generator.normal(size=(SIZE, SIZE)).astype(np.float32) for _ in range(2))

    def both(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        return a @ b, a[0] @ b

    lowered = jax.jit(functools.partial(precision.apply, kind, both)).lower(a, b)
    bits = []
    for found in compilation.compiled(lowered, device)(a, b):
        right = np.float64(a)[: SIZE if found.ndim == 2 else 1] @ np.float64(b)
        error = np.linalg.norm(found - right) / np.linalg.norm(right)
        bits.append(float(-np.log2(error)))
    least = BITS[kind.computes]
    words = f"{bits[0]:.1f} and {bits[1]:.1f} bits of {kind.computes}, at least {least}"
    job.check(f"{name}: products with a matrix, a vector", min(bits) > least, words)
    if job.planted:
        job.check(f"{name}: a spoilt product", least < 0, "0 right bits")


def add_times(job: Job, group: grid.Group, names: list[str]) -> None:
    """Time a lane-step of every precision, in turn."""
    device = jax.local_devices()[0]
    width = job.answer["width"]
    builders = {
        name: functools.partial(
            step.full_engine, in_precision(group, name), width, 1, [device]
        )
        for name in names
    }
    built, missing = compile_all(builders, 0.5, job)
    times, untimed = in_turn({n: b.engine for n, b in built.items()}, ROUNDS, job)
    rows = {}
    for name, values in times.items():
        middle = float(np.median(values))
        rows[name] = {
            "ms": middle * 1e3,
            "seconds_a_cell": CELL * middle,
            "compile_seconds": built[name].seconds,
        }
    job.say(rows=rows, missing=missing | untimed)


def add_errors(
    job: Job,
    group: grid.Group,
    names: list[str],
    inputs: gradients.Inputs,
    right: gradients.Outputs,
) -> None:
    """Compare loss and gradients of each precision with float64, side by side."""
    device = jax.local_devices()[0]

    def compared(name: str) -> dict[str, Any] | str:
        try:
            setup = in_precision(group, name).setup
            outputs = gradients.on_device(setup, device, inputs)
            return gradients.errors(outputs, right)._asdict()
        except Exception as error:
            return one_line(error)

    with ThreadPoolExecutor(min(len(names), machine.cores())) as pool:
        job.say(errors=dict(zip(names, pool.map(compared, names), strict=True)))
