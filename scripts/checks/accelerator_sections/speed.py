"""How fast is a lane-step at each block width, and how far from the device's limits?"""

import functools

import jax
import numpy as np
from tpu_floor import step_products

import step
from accelerator_sections import floors, kernels
from accelerator_sections.engines_in_turn import Built, compile_all, in_turn
from accelerator_sections.job import Job, one_line
from accelerator_sections.shapes import group_of
from jaxgrok.engine.engine import Engine

WIDTHS, TINY_WIDTHS = (16, 64, 128, 32, 256, 8), (2, 4)
"""Lanes of a block, the most telling first: the last may find no time."""
ROUNDS = 5
CLOSE = 1.05
"""A width is as good as the best within this factor."""
CELL = 40_000
"""Steps of a long training."""


def run(job: Job) -> None:
    """Measure the limits, then every width of both scales."""
    limits(job)
    scales = ("tiny",) if job.quick else ("post", "laptop")
    for i, scale in enumerate(scales):
        share = 0.85 if i == len(scales) - 1 else 0.6
        job.say(**{scale: scale_rows(job, scale, share)})
    first = job.answer[scales[0]]
    job.say(suggested_block_width=first["suggested_block_width"])


def limits(job: Job) -> None:
    """Measure the rate of float32 products and the bandwidth."""
    size, count = (256, 2**20) if job.quick else (8192, 2**28)
    job.say(
        flop_per_second=floors.product_rate(size, "highest"),
        bytes_per_second=floors.bandwidth(count),
    )


def scale_rows(job: Job, scale: str, share: float) -> dict[str, object]:
    """Measure every width of a scale; the answer of that scale."""
    group = group_of(scale)
    device = jax.local_devices()[0]
    flop = step_products(group.setup)
    widths = TINY_WIDTHS if job.quick else WIDTHS
    builders = {
        width: functools.partial(step.full_engine, group, width, 1, [device])
        for width in widths
    }
    built, missing = compile_all(builders, share, job)
    engines = {width: built[width].engine for width in sorted(built)}
    times, untimed = in_turn(engines, ROUNDS, job)
    rows = [row(job, width, built[width], times[width], flop) for width in times]
    return {
        "flop": flop,
        "rows": rows,
        "missing": missing | untimed,
        "suggested_block_width": suggestion(rows),
    }


def row(
    job: Job, width: int, built: Built, times: np.ndarray, flop: float
) -> dict[str, object]:
    """Return what is said of one width."""
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    row: dict[str, object] = {
        "width": width,
        "ms": middle * 1e3,
        "ms_quartiles": [low * 1e3, high * 1e3],
        "rounds": len(times),
        "seconds_a_cell": CELL * middle,
        "compile_seconds": built.seconds,
        "share_of_flop": flop / middle / job.answer["flop_per_second"],
    }
    if memory := built.engine.memory:
        row["mb_a_lane"] = memory / width / 1e6
    return row | of_program(built.engine, width, middle, job)


def of_program(
    engine: Engine, width: int, seconds: float, job: Job
) -> dict[str, object]:
    """Return what the compiled step launches and moves, as far as that is known."""
    row: dict[str, object] = {}
    try:
        program = engine._devices[0].train
        count = kernels.launches(program.as_text())
        row["kernels"] = count.total()
        row["kernels_by_kind"] = dict(count.most_common())
        moved = float(program.cost_analysis()["bytes accessed"]) / width
        row["bytes"] = moved
        share = moved / seconds / job.answer["bytes_per_second"]
        row["share_of_bandwidth"] = share
    except Exception as error:
        row["unknown"] = one_line(error)
    return row


def suggestion(rows: list[dict[str, object]]) -> int | None:
    """Return the smallest width that is within 5% of the fastest."""
    if not rows:
        return None
    best = min(row["ms"] for row in rows)
    return min(row["width"] for row in rows if row["ms"] <= CLOSE * best)
