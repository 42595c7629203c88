"""What a run directory says about itself: manifest.json as a typed record.

>>> manifest = describe(resolve(config))
>>> manifest.cells[0].axes
{'weight_decay': 0.1, 'train_fraction': 0.3, 'seed': 0}
"""

import dataclasses
import math
import os
from typing import Any

from flax import linen as nn

from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.setups import build
from jaxgrok.host import machine, source
from jaxgrok.host.clock import utc_now
from jaxgrok.host.error_text import first_line
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.files.typed import record, typed
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.results.files import cell_table, manifest_file
from jaxgrok.results.files.manifest_file import FORMAT
from jaxgrok.tasks import Task
from jaxgrok.training.precision import PRECISIONS


@dataclasses.dataclass(frozen=True)
class GroupInfo:
    """Cells that were trained by one compiled program, by their ids.

    Attributes:
        train_size: of its cells, padded.
        block_width: lanes of a block.
        cells: their ids.
        short: what of it was computed at a time, where memory was short, in words; it
            changes no result.
    """

    train_size: int
    block_width: int
    cells: tuple[str, ...]
    short: str = ""


@dataclasses.dataclass(frozen=True)
class Usage:
    """Lane-steps computed for a cell, and in all (idle lanes included)."""

    busy: int = 0
    executed: int = 0


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A resolved grid and the circumstances of its training.

    Attributes:
        title: the task in a few words.
        config: every field of the config.
        axes: names of the axes, in order.
        dims: values of each axis of a product grid; empty for any other grid.
        thresholds: what counts as fitted.
        bits: what changes a result in its last bits.
        precision: matmul precisions of the groups.
        versions: Python and packages.
        commit: git commit of the package; "" where it cannot be told.
        groups: cells by compiled program.
        cells: all cells, in the order of cells.csv.
        usage: lane-steps made so far.
        grid_file: the grid file that the config comes from, as it was then; None for a
            config made in Python. Nothing ever runs it.
        begun: when the first cell was started, in UTC: 2026-11-25T13:05:09Z.
        ended: when training ended or was last interrupted; "" while it goes on, and
            after a kill.
        command: the command line; "" for a run from Python.
        xla_flags: the variable XLA_FLAGS.
        format: of the run directory.
    """

    title: str
    config: dict[str, Any]
    axes: tuple[str, ...]
    dims: dict[str, Any]
    thresholds: Thresholds
    bits: dict[str, Any]
    precision: tuple[str, ...]
    versions: dict[str, str]
    commit: str
    groups: tuple[GroupInfo, ...]
    cells: tuple[Cell, ...]
    usage: Usage = Usage()
    grid_file: GridFile | None = None
    begun: str = ""
    ended: str = ""
    command: str = ""
    xla_flags: str = ""
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Return the contents of manifest.json, the format first."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return (
            {"format": self.format}
            | fields
            | {
                "thresholds": vars(self.thresholds),
                "groups": [vars(group) for group in self.groups],
                "cells": [vars(cell) for cell in self.cells],
                "usage": vars(self.usage),
                "grid_file": vars(self.grid_file) if self.grid_file else None,
            }
        )

    @property
    def is_sealed(self) -> bool:
        """Whether its directory has checksums; those of format 1 have none."""
        return self.format > manifest_file.UNSEALED

    @classmethod
    def from_json(cls, entries: dict[str, Any]) -> "Manifest":
        """Make a manifest of the contents of manifest.json.

        Raises:
            ValueError: an entry is missing, unknown, or makes no sense.
        """
        return _checked(record(cls, entries))

    def network(self, cell_index: int) -> tuple[Task, nn.Module]:
        """Return the (task, model) of a cell."""
        values = self.config | self.cells[cell_index].static
        # No network depends on it, and older runs have other names for it.
        return build(values | {"precision": PRECISIONS[0]})


def describe(
    grid: Grid, grid_file: GridFile | None = None, command: str = ""
) -> Manifest:
    """Return the manifest of a grid that is trained on this machine from now on."""
    block_width = grid.groups[0].block_width
    return Manifest(
        title=grid.title,
        config=grid.config,
        axes=grid.axes,
        dims=grid.dims,
        thresholds=grid.groups[0].setup.thresholds,
        # Programs for blocks of another width may round sums in another order.
        bits=machine.bits() | {"block_width": block_width},
        precision=tuple(sorted({group.setup.precision for group in grid.groups})),
        versions=source.versions(),
        commit=source.commit(),
        groups=tuple(_described(group) for group in grid.groups),
        cells=grid.cells,
        grid_file=grid_file,
        begun=utc_now(),
        command=command,
        xla_flags=os.environ.get("XLA_FLAGS", ""),
    )


def _described(group: Group) -> GroupInfo:
    """Return what the manifest says about a group."""
    return GroupInfo(
        train_size=group.setup.train_size,
        block_width=group.block_width,
        cells=tuple(cell.id for cell in group.cells),
    )


def read_manifest(path: AnyPath) -> Manifest:
    """Return the manifest of a run directory.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be read.
    """
    entries, file = manifest_file.read(path), path / manifest_file.FILE
    try:
        _check_format(file, entries)
        table = entries["cells"]
        if isinstance(table, list):
            return Manifest.from_json(entries)
        small = record(Manifest, entries | {"cells": []})
        name = cell_table.checked_name(table["file"])
    except _Later:
        raise
    except (ValueError, TypeError, LookupError) as error:
        words = f"is not that of a sweep ({first_line(error)})"
        raise ValueError(f"{file} {words}; choose another folder") from None
    # Their own file, where there are many.
    cells, members = cell_table.read(path, name)
    pairs = zip(small.groups, members, strict=True)
    groups = tuple(dataclasses.replace(group, cells=ids) for group, ids in pairs)
    return _checked(dataclasses.replace(small, cells=cells, groups=groups))


class _Later(ValueError):
    """A manifest is of a later version."""


def _check_format(file: AnyPath, entries: dict[str, Any]) -> None:
    """Refuse a format that a later version has written."""
    number, version = entries["format"], entries["versions"]["jaxgrok"]
    if typed(number, int) not in range(1, FORMAT + 1):
        raise _Later(
            f"{file} has format {number}, written by jaxgrok {version}; this one reads "
            f"formats up to {FORMAT}: install that version"
        )


def _checked(manifest: Manifest) -> Manifest:
    """Return a manifest whose entries fit each other.

    Raises:
        ValueError: they do not.
    """
    cells = manifest.cells
    ids = {cell.id for cell in cells}
    if not cells or len(ids) < len(cells):
        raise ValueError("it has no cells, or two with one id")
    if not ids >= {cell_id for group in manifest.groups for cell_id in group.cells}:
        raise ValueError("a group has an unknown cell")
    for cell in cells:
        if not all(typed(cell.lane[name], int) >= 0 for name in _COUNTS):
            raise ValueError("a cell has a negative count")
        if not all(isinstance(cell.axes[name], _SCALAR) for name in manifest.axes):
            raise ValueError("a cell has no place on an axis")
    if typed(manifest.config["eval_every"], int) < 1:
        raise ValueError("eval_every is below 1")
    if manifest.dims:
        sizes = [len(manifest.dims[name]) for name in manifest.axes]
        if math.prod(sizes) != len(cells):
            raise ValueError("its axes have other cells")
    return manifest


_COUNTS = ("steps", "n_train")
"""Entries of every cell's lane that are counts."""
_SCALAR = (str, int, float, bool, type(None))
"""Types of a value on an axis."""
