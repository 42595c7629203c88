"""What is in memory alone while cells train, saved now and then to go on from.

>>> save(folder, Resumable(lanes, snapshots, shapes))
>>> resumable = load(folder)                     # goes on bitwise
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.packed_files import packed, write_packed
from jaxgrok.host.paths import AnyPath, remove_tree
from jaxgrok.results.files.shards import Bits
from jaxgrok.results.files.snapshot_shards import Shapes

FILE = "lanes.npz"


class SavedLane(NamedTuple):
    """A cell that can go on.

    Attributes:
        state: its lane.
        records: its curves so far, [evals, columns].
        computed_with: what computed it so far; see `Result`.
    """

    state: ResumeState
    records: np.ndarray
    computed_with: tuple[Bits, ...] = ()

    def step(self, eval_every: int) -> int:
        """Return the steps that it has made."""
        # The first record is that of step 0.
        return (len(self.records) - 1) * eval_every + self.state.offset

    @property
    def n_bytes(self) -> int:
        """Bytes of its arrays."""
        return self.records.nbytes + sum(leaf.nbytes for leaf in self.state.leaves)


class Resumable(NamedTuple):
    """All that is in memory alone while a run trains.

    Attributes:
        lanes: cells in flight, by id.
        snapshots: those on no shard: parameter vectors by training and step.
        shapes: shape of each parameter of the snapshots.
    """

    lanes: Mapping[str, SavedLane]
    snapshots: Mapping[str, Mapping[int, np.ndarray]]
    shapes: Shapes


def save(folder: AnyPath, resumable: Resumable) -> None:
    """Replace the state that a folder holds; one that is cut off leaves the old one.

    Args:
        folder: made if it is missing.
        resumable: the state.
    """
    folder.mkdir(exist_ok=True)
    head, arrays = encode_lanes(resumable.lanes)
    head["snapshots"] = {}
    head["shapes"] = {name: list(shape) for name, shape in resumable.shapes.items()}
    for kin, vectors in resumable.snapshots.items():
        head["snapshots"][kin] = list(vectors)
        arrays[f"snapshots-{kin}"] = np.stack(list(vectors.values()))
    write_packed(folder / FILE, head, arrays)


def load(folder: AnyPath) -> Resumable | None:
    """Return the state of a folder, None without one; ValueError if it is damaged."""
    file = folder / FILE
    if not file.exists():
        return None
    way_out = "remove it, and the same command starts the cells in flight anew"
    with packed(file, way_out) as (head, arrays):
        lanes = {name: decode_lane(head, arrays, name) for name in head["lanes"]}
        snapshots = {}
        for kin, steps in head["snapshots"].items():
            vectors = arrays[f"snapshots-{kin}"]
            snapshots[kin] = dict(zip(steps, vectors, strict=True))
        shapes = {name: tuple(shape) for name, shape in head["shapes"].items()}
        return Resumable(lanes, snapshots, shapes)


def drop(folder: AnyPath) -> None:
    """Remove the state: every cell is finished."""
    remove_tree(folder)


def encode_lanes(
    lanes: Mapping[str, SavedLane],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (head, arrays) of lanes by name, for a packed file."""
    head: dict[str, Any] = {"lanes": {}}
    arrays: dict[str, np.ndarray] = {}
    for name, lane in lanes.items():
        leaves = [np.asarray(leaf) for leaf in lane.state.leaves]
        head["lanes"][name] = {
            "offset": lane.state.offset,
            "leaves": [[leaf.dtype.str, list(leaf.shape)] for leaf in leaves],
            "computed_with": list(lane.computed_with),
        }
        # An entry costs as much as kilobytes, so that leaves lie end to end in one.
        content = b"".join(leaf.tobytes() for leaf in leaves)
        arrays[f"state-{name}"] = np.frombuffer(content, np.uint8)
        arrays[f"records-{name}"] = lane.records
    return head, arrays


def decode_lane(
    head: Mapping[str, Any], arrays: Mapping[str, np.ndarray], name: str
) -> SavedLane:
    """Return one lane that was encoded; nothing else is read."""
    entry, content = head["lanes"][name], arrays[f"state-{name}"]
    leaves, start = [], 0
    for dtype, shape in entry["leaves"]:
        end = start + math.prod(shape) * np.dtype(dtype).itemsize
        leaves.append(content[start:end].view(dtype).reshape(shape))
        start = end
    state = ResumeState(entry["offset"], leaves)
    return SavedLane(state, arrays[f"records-{name}"], tuple(entry["computed_with"]))
