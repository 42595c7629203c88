"""Shards of snapshots: on a disk an orbax tree each, in a store of objects one .npz.

A shard has one array [snaps, parameters] a training. What describes a tree is a .json
beside it that is written last: a tree without one is incomplete and is ignored. An .npz
holds its own description, and is never there in part. Either kind can be read wherever
it was copied to.

>>> write_shard(run_dir / "checkpoints", {cell.kin: {0: vector}}, shapes)
>>> shards = read_shards(run_dir)
"""

import dataclasses
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgrok.host.files import sealed
from jaxgrok.host.files.packed_files import packed
from jaxgrok.host.files.paths import (
    AnyPath,
    content_of,
    matches,
    on_disk,
    read_each,
)
from jaxgrok.host.files.trees import read_tree
from jaxgrok.host.files.typed import record
from jaxgrok.results.files import index as index_file
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.second_look import Gone

FOLDER = "checkpoints"
Shapes = Mapping[str, tuple[int, ...]]
"""Parameter → its shape, in the order in which a snapshot's vector holds them."""
Rows = dict[str, dict[int, np.ndarray]]
"""Training → step → its parameters as one vector."""
LOST = "the run's command trains again the cells whose snapshots are lost"
"""What comes of a lost shard, for messages."""
ARRAY = "snapshots-"
"""What precedes a training's name in an .npz, whose "head" is the description."""


@dataclasses.dataclass(frozen=True)
class Description:
    """What a .json says; see `Shard`."""

    steps: dict[str, list[int | None]]
    shapes: dict[str, tuple[int, ...]]
    dtype: str
    checksums: dict[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """One shard, as its .json describes it.

    Attributes:
        path: the orbax tree, or the .npz.
        steps: training → steps of its rows, in order; None for one that was forgotten.
        shapes: shapes of the parameters; a shard holds networks of one form.
        dtype: of every array.
        checksums: training → CRC-32 of its array.
        fingerprint: of what describes it, as it was read.
    """

    path: AnyPath
    steps: dict[str, list[int | None]]
    shapes: Shapes
    dtype: str
    checksums: dict[str, int]
    fingerprint: str = ""

    @property
    def is_object(self) -> bool:
        """Whether it is an .npz."""
        return self.path.suffix == ".npz"

    @property
    def description(self) -> AnyPath:
        """The file that describes it."""
        return self.path if self.is_object else self.path.with_suffix(".json")

    def fits(self, known: Mapping[str, str]) -> bool:
        """Tell whether fingerprints by name are not of another one."""
        return known.get(self.description.name, self.fingerprint) == self.fingerprint

    @property
    def width(self) -> int:
        """Parameters of a network."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def n_bytes(self, kin: str) -> int:
        """Return the bytes of a training's array."""
        return len(self.steps[kin]) * self.width * np.dtype(self.dtype).itemsize

    def check_size(self) -> None:
        """Raise ValueError if its tree lacks bytes."""
        if not isinstance(self.path, Path):
            return
        # Arrays are not compressed: none is larger than the files that hold it.
        files = [path for path in self.path.rglob("*") if path.is_file()]
        n_bytes = sum(map(self.n_bytes, self.steps))
        if sum(path.stat().st_size for path in files) < n_bytes:
            raise _damaged(self.path)

    def arrays(self, kins: Iterable[str]) -> dict[str, np.ndarray]:
        """Read [snaps, parameters] of some trainings, and nothing else.

        Raises:
            ValueError: the shard is damaged.
        """
        read = self._from_object if self.is_object else self._from_tree
        arrays = read([*kins])
        for kin, array in arrays.items():
            # Orbax notices what was cut, but not what belongs to another shard.
            shape = (len(self.steps[kin]), self.width)
            if array.shape != shape or checksum(array) != self.checksums[kin]:
                raise _damaged(self.path)
        return arrays

    def _from_tree(self, kins: Sequence[str]) -> dict[str, np.ndarray]:
        """Read some arrays of an orbax tree."""
        self.check_size()
        empty = {
            kin: np.empty((len(self.steps[kin]), self.width), self.dtype)
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
            return {kin: arrays[f"{ARRAY}{kin}"] for kin in kins}

    def unflatten(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Cut vectors [snaps, parameters] into parameters: {name: [snaps, ...]}."""
        # A vector is the parameters in the order of `shapes`, each one flattened.
        params, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            params[name] = rows[:, start:stop].reshape(len(rows), *shape)
            start = stop
        return params


def read_shards(run_dir: AnyPath, *, indexed: bool = True) -> list[Shard]:
    """Return the complete shards of a run directory, the oldest first.

    Args:
        run_dir: the run directory.
        indexed: whether its index, if there is one, says which there are.

    Raises:
        Gone: a shard of the index is missing, or another has taken its place.
        ValueError: the index, or the .json of a shard, is damaged.
    """
    # Before the list: what leaves the index is removed afterwards.
    index = (index_file.read(run_dir) if indexed else None) or Index()
    shards = [*read_each(read_shard, descriptions(run_dir))]
    names = {shard.description.name for shard in shards}
    if missing := sorted(index.snapshots.keys() - names):
        path = run_dir / FOLDER / missing[0]
        raise Gone(f"{path} is missing; bring it back, or {LOST}")
    for shard in shards:
        if not shard.fits(index.snapshots):
            raise Gone(str(_damaged(shard.description)))
    return shards


def descriptions(run_dir: AnyPath) -> list[AnyPath]:
    """Return the files that describe shards, the oldest first."""
    # One list of the folder: a store answers each after tens of milliseconds.
    files = matches(run_dir / FOLDER, "[!.]*")
    return [file for file in files if file.suffix in (".json", ".npz")]


def files_of(file: AnyPath) -> list[AnyPath]:
    """Return a description, and the tree that it describes if it is there."""
    tree = _tree_of(file)
    return [file, tree] if tree != file and tree.exists() else [file]


def _tree_of(file: AnyPath) -> AnyPath:
    """Return where the arrays are that a file describes."""
    return file if file.suffix == ".npz" else file.with_suffix("")


def read_shard(file: AnyPath) -> Shard:
    """Return the shard that one of `descriptions` is of; ValueError if it is damaged.

    Its arrays are not read.
    """
    if file.suffix == ".npz":
        with packed(file, _way_out(file)) as (head, arrays):
            return _described(file, head, arrays.fingerprint)
    try:
        content = content_of(file)
        entries = sealed.parsed(content)
        # Those of runs of format 1 have no checksum.
        if sealed.KEY in entries:
            entries = sealed.unsealed(content)
        return _described(_tree_of(file), entries, sealed.digest(content))
    except (ValueError, TypeError):
        raise _damaged(file) from None


def _described(path: AnyPath, entries: Any, fingerprint: str) -> Shard:
    """Return a shard from what describes it."""
    described = record(Description, entries)
    shard = Shard(path, **vars(described), fingerprint=fingerprint)
    if not re.fullmatch(r"b?float\d\d", shard.dtype):
        raise ValueError("parameters are floats")
    np.dtype(shard.dtype)
    if not shard.steps.keys() == shard.checksums.keys():
        raise ValueError("a training lacks its checksum")
    if any(size < 0 for shape in shard.shapes.values() for size in shape):
        raise ValueError("a size is negative")
    return shard


def _damaged(path: AnyPath) -> ValueError:
    """Return the error of a shard that cannot be read."""
    return ValueError(f"{path} is damaged; {_way_out(path)}")


def _way_out(path: AnyPath) -> str:
    """Say what to do about a damaged shard."""
    tree = path.with_suffix("")
    files = "it" if path.suffix == ".npz" else f"{tree} and {tree.name}.json"
    return f"remove {files}, and {LOST}"


def checksum(array: np.ndarray) -> int:
    """Return the CRC-32 of an array's bytes."""
    return zlib.crc32(np.asarray(array).tobytes())
