"""Lanes in flight as plain arrays: what a paused run needs to go on bitwise.

>>> meta, arrays = encode(Resumable(lanes, snapshots, shapes))
>>> resumable = decode(meta, arrays)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgrok.engine.engine import ResumeState
from jaxgrok.results.snapshots import Shapes


class SavedLane(NamedTuple):
    """A cell in flight.

    Attributes:
        state: its lane.
        records: its curves so far, [evals, columns].
    """

    state: ResumeState
    records: np.ndarray


class Resumable(NamedTuple):
    """All that is in memory alone while a run trains.

    Attributes:
        lanes: cells in flight, by id; of one group.
        snapshots: those on no shard: parameter vectors by training and step.
        shapes: shape of each parameter of the snapshots.
    """

    lanes: Mapping[str, SavedLane]
    snapshots: Mapping[str, Mapping[int, np.ndarray]]
    shapes: Shapes


def encode(resumable: Resumable) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (meta, arrays): meta fits into JSON, arrays is a tree of them."""
    lanes, snapshots, shapes = resumable
    states = [lane.state for lane in lanes.values()]
    meta = {
        "cells": list(lanes),
        "offsets": [state.offset for state in states],
        "snapshots": {kin: list(vectors) for kin, vectors in snapshots.items()},
        "shapes": {name: list(shape) for name, shape in shapes.items()},
    }
    # One array a leaf, not one a leaf and lane: thousands of small files are slow.
    stacks = map(np.stack, zip(*(state.leaves for state in states), strict=True))
    arrays = {
        "leaves": {f"{i:04d}": stack for i, stack in enumerate(stacks)},
        "records": {cell_id: lane.records for cell_id, lane in lanes.items()},
        "snapshots": {
            kin: np.stack(list(vectors.values())) for kin, vectors in snapshots.items()
        },
    }
    return meta, arrays


def decode(meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> Resumable:
    """Return what was encoded."""
    stacks = [arrays["leaves"][name] for name in sorted(arrays["leaves"])]
    lanes = {}
    for i, cell_id in enumerate(meta["cells"]):
        leaves = [np.asarray(stack[i]) for stack in stacks]
        state = ResumeState(meta["offsets"][i], leaves)
        lanes[cell_id] = SavedLane(state, np.asarray(arrays["records"][cell_id]))
    snapshots = {
        kin: dict(zip(steps, arrays["snapshots"][kin], strict=True))
        for kin, steps in meta["snapshots"].items()
    }
    shapes = {name: tuple(shape) for name, shape in meta["shapes"].items()}
    return Resumable(lanes, snapshots, shapes)
