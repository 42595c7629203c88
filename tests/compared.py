"""Run directories of planted grok steps, for tests of comparisons."""

import handmade
import numpy as np

from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import PLAIN, Schema

STEPS, EVERY = 2_000, 10
SEEDS = tuple(range(8))
SCHEMA = Schema(PLAIN).with_steps()


def result(cell, grok_step, status="done", schema=SCHEMA):
    """A cell that groks at a step, or for None at no step of its budget."""
    budget = cell.lane["steps"]
    # Its training ends once the accuracy has held for three evaluations.
    last = budget if grok_step is None else min(grok_step + 2 * EVERY, budget)
    step = np.arange(0, last + 1, EVERY)
    records = np.zeros((len(step), schema.width), np.float32)
    records[:, 0] = step
    records[:, schema.columns("train_accuracy")] = 1
    late = np.inf if grok_step is None else grok_step
    records[:, schema.columns("test_accuracy")] = step >= late
    return Result(cell.id, status, schema, records, block_width=2)


def write(path, grok_steps, *, pending=0, **fields):
    """Leave a run directory of planted grok steps.

    grok_steps: maps the axes of a cell to its grok step, or None.
    pending: so many cells, the last, have no result.
    """
    return write_results(
        path, lambda cell: result(cell, grok_steps(cell.axes)), pending, **fields
    )


def write_results(path, result_of, pending=0, **fields):
    """Leave a run directory of the results that a function makes of its cells."""
    defaults = {"steps": (STEPS,), "eval_every": EVERY, "seed": SEEDS}
    manifest = handmade.manifest_of(**(defaults | fields))
    cells = manifest.cells[: len(manifest.cells) - pending]
    return handmade.write(path, manifest, [result_of(cell) for cell in cells])


def halves(axes):
    """Adam groks at half of AdamW's steps, which differ by seed; SGD never does."""
    step = 800 + 40 * axes["seed"]
    return {"adamw": step, "adam": step // 20 * 10, "sgd": None}[axes["optimiser"]]
