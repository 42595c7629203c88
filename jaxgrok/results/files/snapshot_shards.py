"""Snapshots on disk: shards of parameters, each an orbax tree and a .json beside it.

The tree has one array [snaps, parameters] a training. The .json is written last: a
shard without one is incomplete and is ignored.

>>> write_shard(run_dir / "checkpoints", {cell.kin: {0: vector}}, shapes)
>>> shards = read_shards(run_dir)
"""

import dataclasses
import json
import math
import shutil
import time
import zlib
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

import numpy as np

from jaxgrok.host.atomic_files import new_name, write_atomically
from jaxgrok.host.trees import read_tree, write_tree

FOLDER = "checkpoints"
LONGEST_WRITE = 600.0
"""Seconds in which any shard is written."""
Shapes = Mapping[str, tuple[int, ...]]
"""Parameter → its shape, in the order in which a snapshot's vector holds them."""
Rows = dict[str, dict[int, np.ndarray]]
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
    for file in sorted((run_dir / FOLDER).glob("[!.]*.json")):
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


def remove_incomplete(run_dir: Path) -> None:
    """Remove the shards that were cut off while they were written.

    Those of workers elsewhere count as cut off once they are old: a worker that has
    lost its coordinator may be writing one as the next coordinator starts.
    """
    for path in (run_dir / FOLDER).glob("*"):
        if not path.is_dir() or path.with_suffix(".json").exists():
            continue
        age = time.time() - path.stat().st_mtime
        if path.name.endswith("-local") or age > LONGEST_WRITE:
            shutil.rmtree(path)


def write_shard(
    folder: Path, rows: Rows, shapes: Shapes, worker: str = "local"
) -> None:
    """Write one shard, its .json last; the worker's name is part of its name."""
    folder.mkdir(exist_ok=True)
    # Names sort in the order of writing, which decides between equal snapshots.
    shard = folder / f"{new_name()}-{worker}"
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
        if all(kin in keep for kin in shard.steps):
            continue
        steps = {}
        for kin, rows_of_kin in shard.steps.items():
            # Nor is a training rewritten all of whose rows were forgotten.
            if kin in keep and set(rows_of_kin) != {None}:
                steps[kin] = rows_of_kin
        if steps:
            # The new shard is complete before the old one goes.
            arrays = shard.arrays(steps)
            rows: Rows = {}
            for kin, array in arrays.items():
                pairs = zip(steps[kin], array, strict=True)
                rows[kin] = {step: row for step, row in pairs if step is not None}
            write_shard(run_dir / FOLDER, rows, shard.shapes)
        # The .json first: a folder without one counts as incomplete.
        shard.folder.with_suffix(".json").unlink()
        shutil.rmtree(shard.folder)
