"""The cells and groups of a large manifest, in one compressed file beside it.

As JSON a million cells are 370 MB. Here every field is a column: its distinct values as
JSON, and for each cell the number of its value.

>>> file = write(run_dir, cells, members)
>>> cells, members = read(run_dir, file)
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgrok.grid.cells import Cell
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import AnyPath, matches
from jaxgrok.host.files.typed import typed
from jaxgrok.results.files.second_look import Gone

MANY = 100_000
"""Cells up to which they stand in manifest.json itself."""
PREFIX = "cells-"
"""What names of such files begin with."""
ABSENT = -1
"""The number of a value that a cell does not have."""
_IDS = ("id", "kin")
_DICTS = ("axes", "static", "lane")
"""Fields of a cell: its hashes, and its dicts of values."""
_WAY_OUT = "the run cannot be read without it; take it from a copy"


def write(
    run_dir: AnyPath, cells: Sequence[Cell], members: Sequence[Sequence[str]]
) -> str:
    """Write a file, unless it is there; return its name, which its contents decide.

    Args:
        run_dir: where it goes.
        cells: in order.
        members: of each group, the ids of its cells.
    """
    head, arrays = _encoded(cells)
    index = {cell.id: number for number, cell in enumerate(cells)}
    for number, ids in enumerate(members):
        rows = [index[cell_id] for cell_id in ids]
        arrays[f"group-{number}"] = np.array(rows, np.int32)
    head["groups"] = len(members)
    # An older manifest goes on naming the older file until it is replaced itself.
    name = _name(head, arrays)
    if not _is_whole(run_dir, name):
        write_packed(run_dir / name, head, arrays, compress=True)
    return name


def checked_name(name: Any) -> str:
    """Return the name of such a file as a manifest has it; ValueError if it is none."""
    if not re.fullmatch(rf"{PREFIX}[0-9a-f]{{16}}\.npz", typed(name, str)):
        raise ValueError(f"{name!r} is no file of cells")
    return str(name)


def _name(head: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return what contents are called: by their hash."""
    digest = hashlib.sha256(json.dumps(head).encode())
    for array in arrays.values():
        digest.update(array.tobytes())
    return f"{PREFIX}{digest.hexdigest()[:16]}.npz"


def _is_whole(run_dir: AnyPath, name: str) -> bool:
    """Tell whether a file is there with the contents that its name says."""
    try:
        read(run_dir, name)
    except ValueError:
        return False
    return True


def read(run_dir: AnyPath, name: str) -> tuple[tuple[Cell, ...], list[tuple[str, ...]]]:
    """Return the cells, and of each group the ids of its cells.

    Raises:
        Gone: the file is missing.
        ValueError: it is damaged.
    """
    try:
        with packed(run_dir / name, _WAY_OUT) as (head, arrays):
            contents = {key: arrays[key] for key in arrays if key != "head"}
            if _name(head, contents) != name:
                raise ValueError("these are other cells")
            cells = tuple(_decoded(head, contents))
            members = [
                tuple(cells[row].id for row in contents[f"group-{number}"].tolist())
                for number in range(head["groups"])
            ]
            return cells, members
    except FileNotFoundError:
        raise Gone(f"{run_dir / name} is missing; {_WAY_OUT}") from None


def remove_others(run_dir: AnyPath, name: str) -> None:
    """Remove the files of older manifests."""
    for file in matches(run_dir, f"{PREFIX}*.npz"):
        if file.name != name:
            file.unlink()


def _encoded(cells: Sequence[Cell]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    head: dict[str, Any] = {}
    arrays = {name: _ids(getattr(cell, name) for cell in cells) for name in _IDS}
    arrays["tested"] = np.array([cell.tested for cell in cells])
    for kind in _DICTS:
        dicts = [getattr(cell, kind) for cell in cells]
        names = dict.fromkeys(name for entries in dicts for name in entries)
        head[kind] = {name: [] for name in names}
        for name in names:
            column = _column(dicts, name, head[kind][name])
            arrays[f"{kind}-{name}"] = column
    return head, arrays


def _ids(values: Iterable[str]) -> np.ndarray:
    return np.array([value.encode() for value in values])


def _column(
    dicts: Sequence[dict[str, Any]], name: str, values: list[Any]
) -> np.ndarray:
    """Number the values of a field, and collect the distinct ones."""
    numbers: dict[str, int] = {}
    column = np.full(len(dicts), ABSENT, np.int32)
    for row, entries in enumerate(dicts):
        if name in entries:
            # By its text: 1, 1.0 and True are equal, and -0.0 is to 0.0.
            text = repr(entries[name])
            if text not in numbers:
                numbers[text] = len(values)
                values.append(entries[name])
            column[row] = numbers[text]
    return column


def _decoded(head: dict[str, Any], arrays: Any) -> Iterator[Cell]:
    ids, kins = (arrays[name].astype(str).tolist() for name in _IDS)
    kinds = [_dicts(head[kind], arrays, kind, len(ids)) for kind in _DICTS]
    rows = zip(ids, kins, *kinds, arrays["tested"].tolist(), strict=True)
    for row in rows:
        yield Cell(*row)


def _dicts(
    values: dict[str, list[Any]], arrays: Any, kind: str, count: int
) -> list[dict[str, Any]]:
    """Return the dicts of all cells, without the values that they lack."""
    dicts: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, options in values.items():
        name = sys.intern(name)
        numbers = arrays[f"{kind}-{name}"].tolist()
        if len(numbers) != count or min(numbers, default=0) < ABSENT:
            raise ValueError("a column is of other cells")
        for row, number in enumerate(numbers):
            if number != ABSENT:
                dicts[row][name] = options[number]
    return dicts
