"""Cells, the groups that share a program, and the grid of them all."""

import dataclasses
import hashlib
import json
from typing import Any

from jaxgrok.grid.snapshot_schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training: its axis values, its own fields, and who it is.

    `static` are the static fields in which cells of its sweep differ, `lane` its traced
    scalars; `tested` tells whether it has test examples. `id` is a hash of everything
    that decides the result; `kin` the same without the budget, so that a longer budget
    is recognised as the same training gone on.
    """

    id: str
    kin: str
    axes: dict[str, Any]
    static: dict[str, Any]
    lane: dict[str, Any]
    tested: bool


@dataclasses.dataclass(frozen=True)
class Group:
    """Cells that share one compiled program."""

    setup: Any
    block_width: int
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """A resolved config.

    `title` is the task in a few words; `dims` maps names to values for a product, else
    is empty; `kept` are the kins of the cells whose snapshots are asked for, at the
    steps of `schedule`.
    """

    config: dict[str, Any]
    title: str
    axes: tuple[str, ...]
    dims: dict[str, tuple[Any, ...]]
    cells: tuple[Cell, ...]
    groups: tuple[Group, ...]
    schedule: Schedule
    kept: frozenset[str]


def label(field: str) -> str:
    """An axis' name in tables: `budget` for `steps`, which there means steps made."""
    return "budget" if field == "steps" else field


def settings_hash(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
