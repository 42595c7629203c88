"""Write shards of snapshots, and drop snapshots of them; `snapshot_shards` reads them.

>>> write_shard(run_dir / "checkpoints", {cell.kin: {0: vector}}, shapes)
>>> prune(run_dir, {cell.kin}, index)
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from jaxgrok.host.files import sealed
from jaxgrok.host.files.atomic_files import new_name, write_atomically
from jaxgrok.host.files.packed_files import write_packed
from jaxgrok.host.files.paths import AnyPath, remove_tree, set_aside
from jaxgrok.host.files.trees import write_tree
from jaxgrok.host.files.unfinished import LONGEST_WRITE
from jaxgrok.results.files import index as index_file
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.snapshot_shards import (
    ARRAY,
    FOLDER,
    Description,
    Rows,
    Shapes,
    Shard,
    checksum,
    descriptions,
    files_of,
    read_shard,
    read_shards,
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
        is_aside = path.suffix == ".damaged"
        if is_aside or not path.is_dir() or path.with_suffix(".json").exists():
            continue
        age = time.time() - path.stat().st_mtime
        # A tree has a suffix while it is written.
        name, *_ = path.name.split(".")
        if name.endswith("-local") or age > LONGEST_WRITE:
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
        checksums={kin: checksum(array) for kin, array in arrays.items()},
    )
    if isinstance(path, Path):
        # Compression saves a tenth of the bytes and doubles the time.
        write_tree(path, arrays, compress=False)
        _describe(shard)
    else:
        _write_object(shard, arrays)


def _entries(shard: Shard) -> dict[str, Any]:
    """Return what describes a shard, as JSON has it."""
    names = [field.name for field in dataclasses.fields(Description)]
    return {name: getattr(shard, name) for name in names}


def _describe(shard: Shard) -> None:
    """Write the .json of a tree."""
    text = json.dumps(_entries(shard))
    write_atomically(shard.description, sealed.sealed(text))


def _write_object(shard: Shard, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a shard as one .npz."""
    named = {f"{ARRAY}{kin}": array for kin, array in arrays.items()}
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
    shard.description.unlink()
    remove_tree(shard.path)


def enter(run_dir: AnyPath, index: Index) -> bool:
    """Enter the shards that an index does not know; whether there were any."""
    names = len(index.snapshots)
    for file in descriptions(run_dir):
        if file.name not in index.snapshots:
            # Whoever reads one that is damaged says so.
            with contextlib.suppress(ValueError, OSError):
                index.snapshots[file.name] = read_shard(file).fingerprint
    return len(index.snapshots) > names


def forget(run_dir: AnyPath, steps: Mapping[str, Container[int]], index: Index) -> None:
    """Drop snapshots: of each training, by kin, those of some steps.

    Their rows stay in the shards without a step: no array of a tree is written again.
    """
    changes = {}
    for shard in read_shards(run_dir):
        remaining: dict[str, list[int | None]] = {}
        for kin, kept_steps in shard.steps.items():
            gone = steps.get(kin, ())
            remaining[kin] = [None if s in gone else s for s in kept_steps]
        if remaining != shard.steps:
            changes[shard] = remaining
    with _changing(run_dir, changes, index):
        for shard, remaining in changes.items():
            _relabel(shard, remaining)


@contextlib.contextmanager
def _changing(
    run_dir: AnyPath, shards: Iterable[Shard], index: Index
) -> Iterator[None]:
    """Keep shards out of an index while they change; enter what there is afterwards."""
    # A kill on the way leaves shards that the index does not know: they count.
    index_file.leave_out(run_dir, index, [s.description.name for s in shards])
    yield
    if enter(run_dir, index):
        index_file.write(run_dir, index)


def prune(run_dir: AnyPath, keep: Container[str], index: Index) -> None:
    """Drop the snapshots of every training that is not in `keep`."""
    shards = [
        shard
        for shard in read_shards(run_dir)
        if not all(kin in keep for kin in shard.steps)
    ]
    with _changing(run_dir, shards, index):
        _prune(run_dir, keep, shards)


def _prune(run_dir: AnyPath, keep: Container[str], shards: Iterable[Shard]) -> None:
    """Write shards anew without some trainings."""
    for shard in shards:
        steps = {}
        for kin, rows_of_kin in shard.steps.items():
            # Nor is a training rewritten all of whose rows were forgotten.
            if kin in keep and set(rows_of_kin) != {None}:
                steps[kin] = rows_of_kin
        if steps:
            # The new shard is complete before the old one goes.
            try:
                arrays = shard.arrays(steps)
            except ValueError as error:
                logging.warning("%s", error)
                for path in files_of(shard.description):
                    set_aside(path)
                continue
            rows: Rows = {}
            for kin, array in arrays.items():
                pairs = zip(steps[kin], array, strict=True)
                rows[kin] = {step: row for step, row in pairs if step is not None}
            write_shard(run_dir / FOLDER, rows, shard.shapes)
        _remove(shard)
