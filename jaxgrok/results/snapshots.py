"""Snapshots: parameters of chosen cells at chosen steps, in files of their own.

A shard is an orbax tree with one array [snaps, parameters] a training, plus a .json,
written last: a shard without one is incomplete and is ignored. A training is known by
the cell's `kin` (its hash without the budget), so that a longer budget finds the
snapshots of a shorter one.

>>> index = SnapshotIndex(Path("runs/mainline-post"))
>>> index.load(cell.kin, [0, 5_000])["embed.W_E"]         # [snaps, vocab, model]
"""

import dataclasses
import json
import math
import os
import shutil
import time
import zlib
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jaxgrok.host.atomic_files import write_atomically
from jaxgrok.host.trees import read_tree, write_tree

SHARD_BYTES = 128_000_000
"""Bytes of pending snapshots that start a new shard: few large ones are read faster."""
WAY_TO_HAVE = (
    "run its command again with --grid.snapshots=all: it trains the cells again, to "
    "the same bits, and keeps them"
)
"""How a finished run comes by snapshots, for messages."""
Shapes = Mapping[str, tuple[int, ...]]
"""Parameter → its shape, in the order in which a snapshot's vector holds them."""
Pending = dict[str, dict[int, np.ndarray]]
"""Training → step → its parameters as one vector."""


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """One shard, as its .json describes it.

    Attributes:
        folder: the orbax tree.
        steps: training → steps of its rows, in order; None for one that was forgotten.
        shapes: shapes of the parameters; a shard holds networks of one form.
        dtype: of every array.
        checksums: training → CRC-32 of its array.
    """

    folder: Path
    steps: dict[str, list[int | None]]
    shapes: Shapes
    dtype: str
    checksums: dict[str, int]

    def arrays(self, kins: Iterable[str]) -> dict[str, np.ndarray]:
        """Read [snaps, parameters] of some trainings, and nothing else.

        Raises:
            ValueError: the shard is damaged.
        """
        width = sum(math.prod(shape) for shape in self.shapes.values())
        empty = {
            kin: np.empty((len(self.steps[kin]), width), self.dtype) for kin in kins
        }
        try:
            arrays: dict[str, np.ndarray] = dict(read_tree(self.folder, empty))
        # Where a file was cut decides what it raises; messages fill pages.
        except (OSError, LookupError, RuntimeError, TypeError, ValueError):
            raise _damaged(self.folder) from None
        for kin, array in arrays.items():
            # Orbax notices what was cut, but not what belongs to another shard.
            if _checksum(array) != self.checksums[kin]:
                raise _damaged(self.folder)
        return arrays

    def unflatten(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cut vectors [snaps, parameters] into parameters: {name: [snaps, ...]}."""
        # A vector is the parameters in the order of `shapes`, each one flattened.
        params, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            params[name] = rows[:, start:stop].reshape(len(rows), *shape)
            start = stop
        return params


def read_shards(run_dir: Path) -> list[Shard]:
    """Return the complete shards of a run directory, the oldest first.

    Raises:
        ValueError: the .json of one is damaged.
    """
    shards = []
    for file in sorted((run_dir / "checkpoints").glob("[!.]*.json")):
        try:
            shards.append(Shard(file.with_suffix(""), **json.loads(file.read_bytes())))
        except (ValueError, TypeError):
            raise _damaged(file) from None
    return shards


def _damaged(path: Path) -> ValueError:
    """Return the error of a shard that cannot be read."""
    shard = path.with_suffix("")
    return ValueError(
        f"{path} is damaged; remove {shard} and {shard.name}.json, and the run's "
        "command trains again the cells whose snapshots are lost"
    )


class SnapshotIndex:
    """Which snapshots a run directory has, and which shard holds each of them."""

    def __init__(self, run_dir: Path) -> None:
        self._rows: dict[str, dict[int, tuple[Shard, int]]] = {}
        for shard in read_shards(run_dir):
            for kin, steps in shard.steps.items():
                # A row that was forgotten has no step.
                rows = {s: (shard, row) for row, s in enumerate(steps) if s is not None}
                # A step that is in two shards (one was pruned) is the later one's.
                if rows:
                    self._rows.setdefault(kin, {}).update(rows)

    def __contains__(self, kin: str) -> bool:
        return kin in self._rows

    def trainings(self) -> set[str]:
        """Return the trainings, by kin, that have snapshots."""
        return set(self._rows)

    def every(self) -> dict[str, set[int]]:
        """Return the steps of all snapshots, by training."""
        return {kin: set(rows) for kin, rows in self._rows.items()}

    def steps(self, kin: str) -> list[int]:
        """Return the steps of a training's snapshots, ascending; [] without any."""
        return sorted(self._rows.get(kin, ()))

    def load(self, kin: str, steps: Sequence[int]) -> dict[str, np.ndarray]:
        """Read some steps of one training.

        Args:
            kin: the training.
            steps: some of `self.steps(kin)`, at least one.

        Returns:
            Parameter → [snaps, ...], in the order of `steps`.
        """
        places = [self._rows[kin][step] for step in steps]
        shards = list(dict.fromkeys(shard for shard, _ in places))
        # Shards are separate files: their reads overlap.
        with ThreadPoolExecutor(4) as pool:
            pieces = pool.map(lambda shard: shard.arrays([kin])[kin], shards)
            arrays = dict(zip(shards, pieces, strict=True))
        rows = np.stack([arrays[shard][row] for shard, row in places])
        # A training has one form, so any of its shards knows the shapes.
        return shards[0].unflatten(rows)


def kept(run_dir: Path) -> set[str]:
    """Return the trainings of a run directory, by kin, that have snapshots."""
    return SnapshotIndex(run_dir).trainings()


class Writer:
    """Collects snapshots of a run directory and writes them while training goes on.

    A context manager; leaving it waits for the shard that is being written.

    Attributes:
        pending: snapshots that no shard has yet: they belong in the resume state.
    """

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "checkpoints"
        self._written = SnapshotIndex(run_dir).every()
        # The lock of the directory is ours: no other process can be writing one now.
        # A shard whose .json never came was cut off while it was written.
        for path in self._folder.glob("*"):
            if path.is_dir() and not path.with_suffix(".json").exists():
                shutil.rmtree(path)
        self.pending: Pending = {}
        self._shapes: Shapes = {}
        self._pool = ThreadPoolExecutor(1)
        self._write: Future[None] | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        # This waits for the write; its error is raised by `wait` alone.
        self._pool.shutdown()
        self.wait()

    def has(self, kin: str, step: int) -> bool:
        """Tell whether this snapshot is written, or pending."""
        return any(step in rows.get(kin, ()) for rows in (self._written, self.pending))

    def add(self, kin: str, step: int, vector: np.ndarray, shapes: Shapes) -> None:
        """Take a snapshot; start a shard when SHARD_BYTES are pending.

        Args:
            kin: the training.
            step: of the snapshot.
            vector: [parameters], all of them in the order of `shapes`.
            shapes: the form of the network; another form starts another shard.
        """
        if self.pending and shapes != self._shapes:
            self.flush()
        self._shapes = shapes
        self.pending.setdefault(kin, {})[step] = vector
        # All that is pending has one form, hence vectors of one size.
        count = sum(len(rows) for rows in self.pending.values())
        if count * vector.nbytes >= SHARD_BYTES:
            self.flush()

    def forget(self, kins: Set[str]) -> None:
        """Drop all snapshots of some trainings."""
        gone = {kin: self._written.pop(kin) for kin in kins & self._written.keys()}
        for kin in kins:
            self.pending.pop(kin, None)
        if gone:
            forget(self._folder.parent, gone)

    def flush(self) -> None:
        """Start to write what is pending, once the previous shard is written."""
        # One write at a time: memory holds two shards at most.
        self.wait()
        if not self.pending:
            return
        rows, self.pending = self.pending, {}
        # Counted before they are on disk, so that `has` is right during the write.
        for kin, steps in rows.items():
            self._written.setdefault(kin, set()).update(steps)
        self._write = self._pool.submit(_write, self._folder, rows, self._shapes)

    def wait(self) -> None:
        """Wait for the shard being written; raise what went wrong with it.

        What could not be written is lost, so a writer that has failed stays so.

        Raises:
            OSError: the disk is full, or refuses otherwise.
        """
        if self._write:
            self._write.result()
            self._write = None


def _write(folder: Path, rows: Pending, shapes: Shapes) -> None:
    """Write one shard, its .json last."""
    folder.mkdir(exist_ok=True)
    # Names sort in the order of writing, which decides between equal snapshots.
    shard = folder / f"{time.time_ns():020d}-{os.getpid()}"
    tree = {kin: np.stack(list(steps.values())) for kin, steps in rows.items()}
    # Compression saves a tenth of the bytes and doubles the time.
    write_tree(shard, tree, compress=False)
    _describe(
        Shard(
            shard,
            steps={kin: list(steps) for kin, steps in rows.items()},
            shapes=dict(shapes),
            dtype=next(iter(tree.values())).dtype.name,
            checksums={kin: _checksum(array) for kin, array in tree.items()},
        )
    )


def _checksum(array: np.ndarray) -> int:
    """Return the CRC-32 of an array's bytes."""
    return zlib.crc32(np.asarray(array).tobytes())


def _describe(shard: Shard) -> None:
    """Write the .json of a shard."""
    entries = {f.name: getattr(shard, f.name) for f in dataclasses.fields(shard)}
    del entries["folder"]
    text = json.dumps(entries)
    write_atomically(shard.folder.with_suffix(".json"), text.encode())


def forget(run_dir: Path, steps: Mapping[str, Container[int]]) -> None:
    """Drop snapshots: of each training, by kin, those of some steps.

    Their rows stay in the shards without a step, so that no array is written again.
    """
    for shard in read_shards(run_dir):
        remaining: dict[str, list[int | None]] = {}
        for kin, kept_steps in shard.steps.items():
            gone = steps.get(kin, ())
            remaining[kin] = [None if s in gone else s for s in kept_steps]
        if remaining != shard.steps:
            _describe(dataclasses.replace(shard, steps=remaining))


def prune(run_dir: Path, keep: Container[str]) -> None:
    """Drop the snapshots of every training that is not in `keep`."""
    for shard in read_shards(run_dir):
        steps = {kin: steps for kin, steps in shard.steps.items() if kin in keep}
        if steps == shard.steps:
            continue
        if steps:
            # The new shard is complete before the old one goes.
            arrays = shard.arrays(steps)
            rows: Pending = {}
            for kin, array in arrays.items():
                pairs = zip(steps[kin], array, strict=True)
                rows[kin] = {step: row for step, row in pairs if step is not None}
            _write(run_dir / "checkpoints", rows, shard.shapes)
        # The .json first: after a kill in between, the next Writer removes the folder.
        shard.folder.with_suffix(".json").unlink()
        shutil.rmtree(shard.folder)
