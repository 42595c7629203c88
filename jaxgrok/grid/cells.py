"""Cells, the groups that share a program, and the grid of them all."""

import dataclasses
import hashlib
import json
from typing import Any

from jaxgrok.fields.values import listed
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.training.setup import Setup


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run: its axis values, hyper-parameters and identity hash.

    Attributes:
        id: hash of everything that decides the result.
        kin: the same hash without the budget, which recognises a longer budget as the
            same training continued.
        axes: its value on every axis of the grid.
        static: the static fields in which the cells of its sweep differ.
        lane: its traced scalars.
        tested: whether it has test examples.
    """

    id: str
    kin: str
    axes: dict[str, Any]
    static: dict[str, Any]
    lane: dict[str, Any]
    tested: bool


# Equal to itself alone: to hash a setup takes longer than to hand out a cell.
@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """Cells that share one compiled program."""

    setup: Setup
    block_width: int
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """A resolved config.

    Attributes:
        config: the fields that all cells share, and the axes.
        title: the task in a few words.
        axes: names of the axes, in order.
        dims: values of each axis of a product; empty for any other grid.
        cells: every cell, in the order of cells.csv.
        groups: the cells by program.
        schedule: the steps at which snapshots are kept.
        kept: kins of the cells whose snapshots are kept.
    """

    config: dict[str, Any]
    title: str
    axes: tuple[str, ...]
    dims: dict[str, tuple[Any, ...]]
    cells: tuple[Cell, ...]
    groups: tuple[Group, ...]
    schedule: Schedule
    kept: frozenset[str]

    def warnings(self) -> list[str]:
        """Return lines to be read before anything is trained."""
        every, hold = self.config["eval_every"], self.config["hold"]
        budgets = {cell.lane["steps"] for cell in self.cells}
        # The evaluation at step 0 is left out: nothing is learned there.
        short = sorted(steps for steps in budgets if steps // every < hold)
        if not short:
            return []
        return [
            f"warning: steps={listed(map(str, short))} is fewer than hold={hold} "
            f"evaluations, one every eval_every={every} steps: no such cell can count "
            "as memorised or grokked; take more steps, a smaller eval_every or a "
            "smaller hold"
        ]


def label(field: str) -> str:
    """Return an axis' name in tables: `budget` for `steps`, there the steps made."""
    return "budget" if field == "steps" else field


def settings_hash(settings: dict[str, Any]) -> str:
    """Hash settings by name and value, in any order."""
    # 16 hexadecimal digits are 64 bits: a million cells collide with odds of 3e-8.
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
