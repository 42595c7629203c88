"""Shards of snapshots: on a disk an orbax tree each, in a store of objects one .npz.

A shard has one array [snaps, parameters] a training. What describes a tree is a .json
beside it that is written last: a tree without one is incomplete and is ignored. An .npz
holds its own description, and is never there in part. Either kind can be read wherever
it was copied to.

>>> write_shard(run_dir / "checkpoints", {cell.kin: {0: vector}}, shapes)
>>> shards = read_shards(run_dir)
"""

import dataclasses
import json
import math
import time
import zlib
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgrok.host.files.atomic_files import new_name, write_atomically
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches, on_disk, read_each, remove_tree
from jaxgrok.host.files.trees import read_tree, write_tree

FOLDER = "checkpoints"
LONGEST_WRITE = 600.0
"""Seconds in which any shard is written."""
Shapes = Mapping[str, tuple[int, ...]]
"""Parameter → its shape, in the order in which a snapshot's vector holds them."""
Rows = dict[str, dict[int, np.ndarray]]
"""Training → step → its parameters as one vector."""
_ARRAY = "snapshots-"
# What precedes a training's name in an .npz, whose "head" is the description.


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """One shard, as its .json describes it.

    Attributes:
        path: the orbax tree, or the .npz.
        steps: training → steps of its rows, in order; None for one that was forgotten.
        shapes: shapes of the parameters; a shard holds networks of one form.
        dtype: of every array.
        checksums: training → CRC-32 of its array.
    """

    path: AnyPath
    steps: dict[str, list[int | None]]
    shapes: Shapes
    dtype: str
    checksums: dict[str, int]

    @property
    def is_object(self) -> bool:
        """Whether it is an .npz."""
        return self.path.suffix == ".npz"

    def n_bytes(self, kin: str) -> int:
        """Return the bytes of a training's array."""
        return len(self.steps[kin]) * self._width * np.dtype(self.dtype).itemsize

    @property
    def _width(self) -> int:
        """Numbers of one snapshot."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def arrays(self, kins: Iterable[str]) -> dict[str, np.ndarray]:
        """Read [snaps, parameters] of some trainings, and nothing else.

        Raises:
            ValueError: the shard is damaged.
        """
        read = self._from_object if self.is_object else self._from_tree
        arrays = read([*kins])
        for kin, array in arrays.items():
            # Orbax notices what was cut, but not what belongs to another shard.
            if _checksum(array) != self.checksums[kin]:
                raise _damaged(self.path)
        return arrays

    def _from_tree(self, kins: Sequence[str]) -> dict[str, np.ndarray]:
        """Read some arrays of an orbax tree."""
        empty = {
            kin: np.empty((len(self.steps[kin]), self._width), self.dtype)
            for kin in kins
        }
        with on_disk(self.path) as folder:
            try:
                return dict(read_tree(folder, empty))
            # Where a file was cut decides what it raises; messages fill pages.
            except (OSError, LookupError, RuntimeError, TypeError, ValueError):
                raise _damaged(self.path) from None

    def _from_object(self, kins: Sequence[str]) -> dict[str, np.ndarray]:
        """Read some arrays of an .npz."""
        with packed(self.path, _way_out(self.path)) as (_, arrays):
            return {kin: arrays[f"{_ARRAY}{kin}"] for kin in kins}

    def unflatten(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cut vectors [snaps, parameters] into parameters: {name: [snaps, ...]}."""
        # A vector is the parameters in the order of `shapes`, each one flattened.
        params, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            params[name] = rows[:, start:stop].reshape(len(rows), *shape)
            start = stop
        return params


def read_shards(run_dir: AnyPath) -> list[Shard]:
    """Return the complete shards of a run directory, the oldest first.

    Raises:
        ValueError: the .json of one is damaged.
    """
    folder = run_dir / FOLDER
    # One list of the folder: a store answers each after tens of milliseconds.
    files = [f for f in matches(folder, "[!.]*") if f.suffix in (".json", ".npz")]
    return [*read_each(_read_description, files)]


def _read_description(file: AnyPath) -> Shard:
    """Return the shard that a .json or an .npz describes."""
    if file.suffix == ".npz":
        with packed(file, _way_out(file)) as (head, _):
            return Shard(file, **head)
    try:
        return Shard(file.with_suffix(""), **json.loads(file.read_bytes()))
    except (ValueError, TypeError):
        raise _damaged(file) from None


def _damaged(path: AnyPath) -> ValueError:
    """Return the error of a shard that cannot be read."""
    return ValueError(f"{path} is damaged; {_way_out(path)}")


def _way_out(path: AnyPath) -> str:
    """Say what to do about a damaged shard."""
    tree = path.with_suffix("")
    files = "it" if path.suffix == ".npz" else f"{tree} and {tree.name}.json"
    return (
        f"remove {files}, and the run's command trains again the cells whose "
        "snapshots are lost"
    )


def remove_incomplete(run_dir: AnyPath) -> None:
    """Remove the shards that were cut off while they were written.

    Those of workers elsewhere count as cut off once they are old: a worker that has
    lost its coordinator may be writing one as the next coordinator starts.
    """
    folder = run_dir / FOLDER
    if not isinstance(folder, Path):
        return  # an object is there as a whole, or not at all
    for path in folder.glob("*"):
        if not path.is_dir() or path.with_suffix(".json").exists():
            continue
        age = time.time() - path.stat().st_mtime
        if path.name.endswith("-local") or age > LONGEST_WRITE:
            remove_tree(path)


def write_shard(
    folder: AnyPath, rows: Rows, shapes: Shapes, worker: str = "local"
) -> None:
    """Write one shard: all of it or nothing; its worker's name is part of its name."""
    folder.mkdir(exist_ok=True)
    # Names sort in the order of writing, which decides between equal snapshots.
    path = folder / f"{new_name()}-{worker}"
    arrays = {kin: np.stack(list(steps.values())) for kin, steps in rows.items()}
    shard = Shard(
        path if isinstance(path, Path) else path.with_suffix(".npz"),
        steps={kin: list(steps) for kin, steps in rows.items()},
        shapes=dict(shapes),
        dtype=next(iter(arrays.values())).dtype.name,
        checksums={kin: _checksum(array) for kin, array in arrays.items()},
    )
    if isinstance(path, Path):
        # Compression saves a tenth of the bytes and doubles the time.
        write_tree(path, arrays, compress=False)
        _describe(shard)
    else:
        _write_object(shard, arrays)


def _checksum(array: np.ndarray) -> int:
    """Return the CRC-32 of an array's bytes."""
    return zlib.crc32(np.asarray(array).tobytes())


def _entries(shard: Shard) -> dict[str, Any]:
    """Return what describes a shard, as JSON has it."""
    entries = {f.name: getattr(shard, f.name) for f in dataclasses.fields(shard)}
    del entries["path"]
    return entries


def _describe(shard: Shard) -> None:
    """Write the .json of a tree."""
    text = json.dumps(_entries(shard))
    write_atomically(shard.path.with_suffix(".json"), text.encode())


def _write_object(shard: Shard, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a shard as one .npz."""
    named = {f"{_ARRAY}{kin}": array for kin, array in arrays.items()}
    write_packed(shard.path, _entries(shard), named)


def _relabel(shard: Shard, steps: dict[str, list[int | None]]) -> None:
    """Give the rows of a shard other steps."""
    other = dataclasses.replace(shard, steps=steps)
    if shard.is_object:
        _write_object(other, shard.arrays(shard.steps))
    else:
        _describe(other)


def _remove(shard: Shard) -> None:
    """Remove a shard."""
    if shard.is_object:
        shard.path.unlink()
        return
    # The .json first: after a kill in between, the next Writer removes the folder.
    shard.path.with_suffix(".json").unlink()
    remove_tree(shard.path)


def forget(run_dir: AnyPath, steps: Mapping[str, Container[int]]) -> None:
    """Drop snapshots: of each training, by kin, those of some steps.

    Their rows stay in the shards without a step: no array of a tree is written again.
    """
    for shard in read_shards(run_dir):
        remaining: dict[str, list[int | None]] = {}
        for kin, kept_steps in shard.steps.items():
            gone = steps.get(kin, ())
            remaining[kin] = [None if s in gone else s for s in kept_steps]
        if remaining != shard.steps:
            _relabel(shard, remaining)


def prune(run_dir: AnyPath, keep: Container[str]) -> None:
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
        _remove(shard)
