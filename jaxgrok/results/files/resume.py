"""What is in memory alone while cells train, saved now and then to go on from.

Every save of a worker is a file of its own. A cell goes on from the one that has it
furthest; a file that no cell needs any more is removed.

>>> places = save(run_dir, "local", Resumable(lanes, snapshots, shapes), eval_every=50)
>>> saves = Saves(run_dir, eval_every=50)
>>> lane, snapshots, shapes = read(run_dir, saves.places[cell.id], cell.kin)
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxgrok.host.files.atomic_files import new_name
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches, remove_tree
from jaxgrok.host.files.typed import typed
from jaxgrok.results.files import saved_lanes
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane
from jaxgrok.results.files.snapshot_shards import Shapes

FOLDER = "resume"
_WAY_OUT = "remove it, and the same command starts the cells in flight anew"


class Resumable(NamedTuple):
    """All that is in a worker's memory alone.

    Attributes:
        lanes: cells in flight, by id.
        snapshots: those on no shard: parameter vectors by training and step.
        shapes: shape of each parameter of the snapshots.
    """

    lanes: Mapping[str, SavedLane]
    snapshots: Mapping[str, Mapping[int, np.ndarray]]
    shapes: Shapes


def save(
    run_dir: AnyPath, worker: str, resumable: Resumable, eval_every: int
) -> dict[str, LanePlace]:
    """Write a file of its own, whole or not at all; return where each cell lies."""
    (run_dir / FOLDER).mkdir(exist_ok=True)
    head, arrays = saved_lanes.encode(resumable.lanes)
    head["snapshots"] = {}
    head["shapes"] = {name: list(shape) for name, shape in resumable.shapes.items()}
    for kin, vectors in resumable.snapshots.items():
        head["snapshots"][kin] = list(vectors)
        arrays[f"snapshots-{kin}"] = np.stack(list(vectors.values()))
    # Names sort in the order of writing.
    file = f"{FOLDER}/{new_name()}-{worker}.npz"
    write_packed(run_dir / file, head, arrays)
    lanes = resumable.lanes.items()
    return {name: _place(file, name, lane, eval_every) for name, lane in lanes}


def _place(file: str, name: str, lane: SavedLane, eval_every: int) -> LanePlace:
    """Return where a lane of a file is."""
    return LanePlace(file, name, lane.step(eval_every), lane.state.offset)


def read(
    run_dir: AnyPath, place: LanePlace, kin: str
) -> tuple[SavedLane, dict[int, np.ndarray], Shapes]:
    """Read a cell that was saved: its lane, its snapshots on no shard, their shapes.

    Raises:
        OSError: the file is gone.
        ValueError: it is damaged.
    """
    with packed(run_dir / place.file, _WAY_OUT) as (head, arrays):
        lane = saved_lanes.decode(head, arrays, place.name)
        shapes = {name: tuple(shape) for name, shape in head["shapes"].items()}
        if kin not in head["snapshots"]:
            return lane, {}, shapes
        steps, vectors = head["snapshots"][kin], arrays[f"snapshots-{kin}"]
        return lane, dict(zip(steps, vectors, strict=True)), shapes


def drop(run_dir: AnyPath) -> None:
    """Remove all files: every cell is finished."""
    remove_tree(run_dir / FOLDER)


class Saves:
    """Where each cell in flight was saved last, and the files that hold them.

    Args:
        run_dir: whose files are read.
        eval_every: steps between two evaluations.

    Attributes:
        places: of cells, by id.
        snapshots: steps of the snapshots that lie in the files alone, by training.

    Raises:
        ValueError: a file is damaged.
    """

    def __init__(self, run_dir: AnyPath, eval_every: int) -> None:
        self._run_dir = run_dir
        self.places: dict[str, LanePlace] = {}
        self.snapshots: dict[str, set[int]] = {}
        self._members: dict[str, set[str]] = {}
        """File → the cells that would go on from it."""
        for file in matches(run_dir / FOLDER, "[!.]*.npz"):
            self._enter(file, eval_every)

    def exist(self) -> bool:
        """Tell whether the files are still there."""
        return all((self._run_dir / file).exists() for file in self._members)

    def replace(self, places: Mapping[str, LanePlace]) -> None:
        """Keep these places alone, and the files that they name."""
        self.places = dict(places)
        self._members = {file: set() for file in self._members}
        for cell_id, place in places.items():
            self._members[place.file].add(cell_id)
        self.tidy()

    def note(self, places: Mapping[str, LanePlace]) -> None:
        """Take note of a new save; of two of a cell, the one that is further counts."""
        for cell_id, place in places.items():
            self._members.setdefault(place.file, set())
            old = self.places.get(cell_id)
            if old is None or place.step >= old.step:
                self.forget(cell_id)
                self.places[cell_id] = place
                self._members[place.file].add(cell_id)
        self.tidy()

    def forget(self, cell_id: str) -> None:
        """Take note that a cell needs its save no more."""
        place = self.places.pop(cell_id, None)
        if place is not None:
            self._members[place.file].discard(cell_id)

    def tidy(self) -> None:
        """Remove the files that no cell needs."""
        for file in [name for name, cells in self._members.items() if not cells]:
            del self._members[file]
            (self._run_dir / file).unlink(missing_ok=True)

    def _enter(self, path: AnyPath, eval_every: int) -> None:
        """Enter the cells and snapshots of a file."""
        places, snapshots = _contents(path, eval_every)
        for kin, steps in snapshots.items():
            self.snapshots.setdefault(kin, set()).update(steps)
        self.note(places)


def check(path: AnyPath) -> None:
    """Read all of a file; ValueError if it is damaged."""
    _contents(path, eval_every=1)


def _contents(
    path: AnyPath, eval_every: int
) -> tuple[dict[str, LanePlace], dict[str, list[int]]]:
    """Return where the lanes of a file are, and the steps of its snapshots."""
    file, places = f"{FOLDER}/{path.name}", {}
    with packed(path, _WAY_OUT) as (head, arrays):
        # Read as a whole, so that damage is named before anything is trained.
        for name in typed(head["lanes"], dict):
            lane = saved_lanes.decode(head, arrays, name)
            places[name] = _place(file, name, lane, eval_every)
        snapshots = {}
        for kin, steps in typed(head["snapshots"], dict).items():
            rows = zip(steps, arrays[f"snapshots-{kin}"], strict=True)
            snapshots[kin] = [typed(step, int) for step, _ in rows]
        return places, snapshots
