"""Lanes on the host, and the packed files that hold them: a state to go on from.

>>> write_packed(file, *encode(lanes))
>>> with packed(file, way_out) as (head, arrays): lane = decode(head, arrays, cell.id)
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.files.npz import plain_dtype
from jaxgrok.host.files.typed import typed
from jaxgrok.results.files.shards import Bits


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


class LanePlace(NamedTuple):
    """Where a lane is saved.

    Attributes:
        file: relative to the run directory.
        name: of the lane in that file.
        step: steps that it has made.
        offset: those of them since its last evaluation.
    """

    file: str
    name: str
    step: int
    offset: int = 0


def encode(
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


def decode(
    head: Mapping[str, Any], arrays: Mapping[str, np.ndarray], name: str
) -> SavedLane:
    """Return one lane that was encoded; nothing else is read."""
    entry, content = head["lanes"][name], arrays[f"state-{name}"]
    leaves, start = [], 0
    for text, shape in entry["leaves"]:
        dtype = plain_dtype(text)
        end = start + math.prod(shape) * dtype.itemsize
        leaves.append(content[start:end].view(dtype).reshape(shape))
        start = end
    if start != len(content):
        raise ValueError("it has bytes of no leaf")
    records = arrays[f"records-{name}"]
    if records.ndim != 2 or not len(records) or typed(entry["offset"], int) < 0:
        raise ValueError("its curves make no sense")
    state = ResumeState(entry["offset"], leaves)
    return SavedLane(state, records, tuple(map(dict, entry["computed_with"])))
