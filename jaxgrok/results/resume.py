"""The rolling resume state of a run: what is in memory alone while cells train.

>>> save(folder, *encode(Resumable(lanes, snapshots, shapes)))
>>> resumable = decode(*load(folder))            # goes on bitwise
"""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.trees import write_tree
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
        # Zero-padded: `decode` sorts the names to have the leaves in order again.
        "leaves": {f"{i:04d}": stack for i, stack in enumerate(stacks)},
        # Lanes differ in how many records they have: these cannot be stacked.
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


def save(folder: Path, meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Replace the state that a folder holds.

    The old state is removed once the new one is whole, so that a process that is
    killed in between leaves one that can be read.

    Args:
        folder: holds nothing else; made if it is missing.
        meta: what JSON can hold.
        arrays: a tree of arrays, none of them empty.

    Raises:
        OSError: the disk is full, or refuses otherwise; the old state is as it was.
    """
    folder.mkdir(exist_ok=True)
    old = list(folder.iterdir())
    # Names grow even where the clock goes back: the newest has the largest.
    number = max([time.time_ns(), *(n + 1 for n in _numbers(folder))])
    # A tree of orbax holds arrays alone, and both parts must be renamed as one.
    head = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    write_tree(folder / str(number), {"meta": head, "arrays": arrays})
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the newest state that can be read as (meta, arrays), or None."""
    from orbax.checkpoint import v1 as ocp

    for number in sorted(_numbers(folder), reverse=True):
        try:
            tree = ocp.load(folder / str(number))
            return json.loads(bytes(np.asarray(tree["meta"]))), tree["arrays"]
        except (OSError, ValueError, KeyError):
            continue  # cut off while it was written; an older one may be whole
    return None


def drop(folder: Path) -> None:
    """Remove the state: every cell is finished."""
    shutil.rmtree(folder, ignore_errors=True)


def _numbers(folder: Path) -> list[int]:
    """Return the names of the states in a folder, unfinished ones left out."""
    # Orbax writes to NAME.orbax-checkpoint-tmp, then renames: until then, no number.
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [int(name) for name in names if name.isdigit()]
