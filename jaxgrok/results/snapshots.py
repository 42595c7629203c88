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
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jaxgrok.host.atomic_files import write_atomically
from jaxgrok.host.trees import write_tree

SHARD_BYTES = 128_000_000
"""Bytes of pending snapshots that start a new shard: few large ones are read faster."""
Shapes = Mapping[str, tuple[int, ...]]
"""Parameter → its shape, in the order in which a snapshot's vector holds them."""
Pending = dict[str, dict[int, np.ndarray]]
"""Training → step → its parameters as one vector."""


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """One shard, as its .json describes it.

    Attributes:
        folder: the orbax tree.
        steps: training → steps of its rows, in order.
        shapes: shapes of the parameters; a shard holds networks of one form.
        dtype: of every array.
    """

    folder: Path
    steps: dict[str, list[int]]
    shapes: Shapes
    dtype: str

    def arrays(self, kins: Iterable[str]) -> dict[str, np.ndarray]:
        """Read [snaps, parameters] of some trainings, and nothing else."""
        from orbax.checkpoint import v1 as ocp

        width = sum(math.prod(shape) for shape in self.shapes.values())
        # Orbax reads the entries of the tree that are asked for, and no others.
        empty = {
            kin: np.empty((len(self.steps[kin]), width), self.dtype) for kin in kins
        }
        context = ocp.Context()
        context.pytree.loading.partial_load = True
        with context:
            arrays: dict[str, np.ndarray] = ocp.load(self.folder.resolve(), empty)
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
    """Return the complete shards of a run directory, the oldest first."""
    shards = []
    for file in sorted((run_dir / "checkpoints").glob("[!.]*.json")):
        shards.append(Shard(file.with_suffix(""), **json.loads(file.read_bytes())))
    return shards


class SnapshotIndex:
    """Which snapshots a run directory has, and which shard holds each of them."""

    def __init__(self, run_dir: Path) -> None:
        self._rows: dict[str, dict[int, tuple[Shard, int]]] = {}
        for shard in read_shards(run_dir):
            for kin, steps in shard.steps.items():
                rows = {step: (shard, row) for row, step in enumerate(steps)}
                # A step that is in two shards (one was pruned) is the later one's.
                self._rows.setdefault(kin, {}).update(rows)

    def __contains__(self, kin: str) -> bool:
        return kin in self._rows

    def trainings(self) -> set[str]:
        """Return the trainings, by kin, that have snapshots."""
        return set(self._rows)

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
        index = SnapshotIndex(run_dir)
        self._written = {kin: set(index.steps(kin)) for kin in index.trainings()}
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
    head = {
        "steps": {kin: list(steps) for kin, steps in rows.items()},
        "shapes": dict(shapes),
        "dtype": next(iter(tree.values())).dtype.name,
    }
    write_atomically(shard.with_suffix(".json"), json.dumps(head).encode())


def prune(run_dir: Path, keep: Container[str]) -> None:
    """Drop the snapshots of every training that is not in `keep`."""
    for shard in read_shards(run_dir):
        steps = {kin: steps for kin, steps in shard.steps.items() if kin in keep}
        if steps == shard.steps:
            continue
        if steps:
            # The new shard is complete before the old one goes.
            arrays = shard.arrays(steps)
            rows = {
                kin: dict(zip(steps[kin], arrays[kin], strict=True)) for kin in steps
            }
            _write(run_dir / "checkpoints", rows, shard.shapes)
        # The .json first: after a kill in between, the next Writer removes the folder.
        shard.folder.with_suffix(".json").unlink()
        shutil.rmtree(shard.folder)
