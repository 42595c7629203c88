"""The lanes of cells as they spent their budgets, for a longer budget to go on from.

One is known by the cell's `kin` (its hash without the budget) and its last step.

>>> writer = FinalStateWriter(run_dir)
>>> writer.add(cell.kin, 5_000, lane)
>>> writer.flush()
>>> FinalStates(run_dir).place(cell.kin, below=20_000)
"""

from collections.abc import Container

from jaxgrok.host.files.atomic_files import new_name
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches, read_each
from jaxgrok.host.files.typed import typed
from jaxgrok.results.files import saved_lanes
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane

FOLDER = "final_states"
SMALL = 1_000_000_000
"""Bytes of all final states of a grid below which they are kept unasked."""
SHARD_BYTES = 128_000_000
"""Bytes in memory that start a new file."""

_WAY_OUT = "remove it, and a longer budget starts its cells anew"


class FinalStates:
    """The final states that a run directory has.

    Raises:
        ValueError: a file is damaged.
    """

    def __init__(self, run_dir: AnyPath) -> None:
        self._run_dir = run_dir
        self._files: dict[str, dict[int, AnyPath]] = {}
        """Training → last step → the file that holds it."""
        files = matches(run_dir / FOLDER, "[!.]*.npz")
        for file, names in zip(files, read_each(_names, files), strict=True):
            for kin, step in names:
                self._files.setdefault(kin, {})[step] = file

    def place(self, kin: str, *, below: int) -> LanePlace | None:
        """Return where a training can go on furthest below a step, or None."""
        step = max((s for s in self._files.get(kin, ()) if s < below), default=None)
        if step is None:
            return None
        file = f"{FOLDER}/{self._files[kin][step].name}"
        return LanePlace(file, _name(kin, step), step)

    def prune(self, needed: Container[tuple[str, int]]) -> None:
        """Remove the files that hold none of the needed (kin, last step)."""
        files: dict[AnyPath, bool] = {}
        for kin, steps in self._files.items():
            for step, file in steps.items():
                files[file] = files.get(file, False) or (kin, step) in needed
        for file, is_needed in files.items():
            if not is_needed:
                file.unlink(missing_ok=True)


class FinalStateWriter:
    """Collects final states of a run directory and writes them in shards."""

    def __init__(self, run_dir: AnyPath) -> None:
        self._folder = run_dir / FOLDER
        self._pending: dict[str, SavedLane] = {}

    @property
    def unwritten(self) -> bool:
        """Whether any is in memory alone."""
        return bool(self._pending)

    def add(self, kin: str, step: int, lane: SavedLane) -> None:
        """Take a cell's last lane; it is on disk after the next `flush`."""
        self._pending[_name(kin, step)] = lane
        if sum(lane.n_bytes for lane in self._pending.values()) >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory, as one immutable file."""
        if not self._pending:
            return
        self._folder.mkdir(exist_ok=True)
        file = self._folder / f"{new_name()}.npz"
        write_packed(file, *saved_lanes.encode(self._pending))
        self._pending = {}


def read(run_dir: AnyPath, place: LanePlace) -> SavedLane:
    """Read a lane; OSError if its file is gone, ValueError if it is damaged."""
    with packed(run_dir / place.file, _WAY_OUT) as (head, arrays):
        return saved_lanes.decode(head, arrays, place.name)


def check(file: AnyPath) -> None:
    """Read the description of a file; ValueError if it is damaged.

    Its lanes may take gigabytes: a worker reads those that it goes on from.
    """
    _names(file)


def check_lanes(file: AnyPath) -> None:
    """Read all of a file; ValueError if it is damaged."""
    with packed(file, _WAY_OUT) as (head, arrays):
        for name in typed(head["lanes"], dict):
            _parsed(name)
            saved_lanes.decode(head, arrays, name)


def _names(file: AnyPath) -> list[tuple[str, int]]:
    """Return the training and the last step of each lane of a file."""
    with packed(file, _WAY_OUT) as (head, _):
        return [_parsed(name) for name in typed(head["lanes"], dict)]


def _parsed(name: str) -> tuple[str, int]:
    """Return the training and the step of a lane; ValueError if its name has none."""
    kin, _, step = name.partition("-")
    return kin, int(step)


def _name(kin: str, step: int) -> str:
    """Return what a lane is called in its file."""
    return f"{kin}-{step}"
