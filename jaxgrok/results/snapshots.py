"""Snapshots: parameters of chosen cells at chosen steps, in files of their own.

A training is known by the cell's `kin` (its hash without the budget), so that a longer
budget finds the snapshots of a shorter one. `snapshot_files` and
`snapshot_shards` have the files.

>>> index = SnapshotIndex(Path("runs/mainline-post"))
>>> index.load(cell.kin, [0, 5_000])["embed.W_E"]         # [snaps, vocab, model]
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results.files.second_look import LOOKS, second_look
from jaxgrok.results.files.snapshot_files import write_shard
from jaxgrok.results.files.snapshot_shards import (
    FOLDER,
    Rows,
    Shapes,
    Shard,
    read_shards,
)

SHARD_BYTES = 128_000_000
"""Bytes of pending snapshots that start a new shard: few large ones are read faster."""
READ_BYTES = 64_000_000
"""Bytes of snapshots that are read at once, where many trainings are asked for."""
WAY_TO_HAVE = (
    "run its command again with --grid.snapshots=all: it trains the cells again, to "
    "the same bits, and keeps them"
)
"""How a finished run comes by snapshots, for messages."""


class SnapshotIndex:
    """Which snapshots a run directory has, and which shard holds each of them.

    Args:
        run_dir: the run directory.
        indexed: as of `read_shards`.

    Raises:
        ValueError: a description, or the index, is damaged or missing.
    """

    def __init__(self, run_dir: AnyPath, *, indexed: bool = True) -> None:
        self._run_dir = run_dir
        self._rows: dict[str, dict[int, tuple[Shard, int]]] = {}
        for shard in second_look(lambda: read_shards(run_dir, indexed=indexed)):
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

        Raises:
            ValueError: a shard is damaged; a sweep has removed the snapshots since.
        """
        for _ in range(LOOKS):
            try:
                return self._read(kin, steps)
            except (OSError, ValueError):
                # A sweep that trains may have written the shard anew, and removed it.
                newer = SnapshotIndex(self._run_dir)
                if newer._files(kin) == self._files(kin):
                    raise
                self._rows = newer._rows
            if not set(steps) <= set(self.steps(kin)):
                raise ValueError(
                    f"{self._run_dir}: the sweep has removed the snapshots that were "
                    "asked for; open the run again to see which it has kept"
                )
        return self._read(kin, steps)

    def _files(self, kin: str) -> set[AnyPath]:
        """Return the shards that hold a training."""
        return {shard.path for shard, _ in self._rows.get(kin, {}).values()}

    def _read(self, kin: str, steps: Sequence[int]) -> dict[str, np.ndarray]:
        """Read some steps of one training from where they were last seen."""
        places = [self._rows[kin][step] for step in steps]
        shards = list(dict.fromkeys(shard for shard, _ in places))
        # Shards are separate files: their reads overlap.
        with ThreadPoolExecutor(4) as pool:
            pieces = pool.map(lambda shard: shard.arrays([kin])[kin], shards)
            arrays = dict(zip(shards, pieces, strict=True))
        rows = np.stack([arrays[shard][row] for shard, row in places])
        # A training has one form, so any of its shards knows the shapes.
        return shards[0].unflatten(rows)

    def each(
        self, wanted: Sequence[tuple[str, int]]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield the parameters of many trainings, each at one step, in this order.

        Args:
            wanted: trainings and steps that they have.
        """
        batch: list[tuple[str, int]] = []
        n_bytes = 0
        for kin, step in wanted:
            shard, _ = self._rows[kin][step]
            batch.append((kin, step))
            n_bytes += shard.n_bytes(kin)
            if n_bytes >= READ_BYTES:
                yield from self._at_once(batch)
                batch, n_bytes = [], 0
        yield from self._at_once(batch)

    def _at_once(
        self, batch: Sequence[tuple[str, int]]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield some snapshots, each shard opened once."""
        # To open one takes the longer, the more trainings it has.
        kins: dict[Shard, list[str]] = {}
        for kin, step in batch:
            kins.setdefault(self._rows[kin][step][0], []).append(kin)
        arrays = {shard: shard.arrays(dict.fromkeys(kins[shard])) for shard in kins}
        for kin, step in batch:
            shard, row = self._rows[kin][step]
            params = shard.unflatten(arrays[shard][kin][[row]])
            yield {name: array[0] for name, array in params.items()}


def kept(run_dir: AnyPath) -> set[str]:
    """Return the trainings of a run directory, by kin, that have snapshots."""
    return SnapshotIndex(run_dir).trainings()


class Writer:
    """Collects snapshots of a run directory and writes them while training goes on.

    A context manager; leaving it waits for the shard that is being written.

    Args:
        run_dir: where they go.
        worker: who writes, part of the names of its shards.

    Attributes:
        pending: snapshots that no shard has yet: they belong in the resume state.
    """

    def __init__(self, run_dir: AnyPath, worker: str = "local") -> None:
        self._folder, self._worker = run_dir / FOLDER, worker
        # A worker goes on where one was lost: the next start of the run tells of it.
        self._written = SnapshotIndex(run_dir, indexed=False).every()
        self.pending: Rows = {}
        self._shapes: Shapes = {}
        self._pool = ThreadPoolExecutor(1)
        self._write: Future[None] | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        # This waits for the write; its error is raised by `wait` alone.
        self._pool.shutdown()
        self.wait()

    @property
    def unwritten(self) -> bool:
        """Whether any snapshot is not on disk yet."""
        return bool(self.pending or self._write)

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
        self._write = self._pool.submit(
            write_shard, self._folder, rows, self._shapes, self._worker
        )

    def wait(self) -> None:
        """Wait for the shard being written; raise what went wrong with it.

        What could not be written is lost, so a writer that has failed stays so.

        Raises:
            OSError: the disk is full, or refuses otherwise.
        """
        if self._write:
            self._write.result()
            self._write = None
