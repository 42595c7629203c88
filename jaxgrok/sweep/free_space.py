"""Whether what a sweep leaves on disk fits there, before anything is trained.

>>> for line in check(grid, ended, archive.path, blocks=2):
...     print(line)
"""

import dataclasses
import math
from collections.abc import Container
from typing import NamedTuple

import jax

from jaxgrok.engine.compilation import unsized
from jaxgrok.engine.programs import one_lane
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host.files.paths import AnyPath, free_bytes
from jaxgrok.host.terminal import size
from jaxgrok.sweep import estimate

CELL_BYTES = 700
"""Bytes of a cell in manifest.json and cells.csv, about."""
LEAST_SHARE = 0.5
"""Share of their bytes that curves take at least, compressed; most take 0.9."""
SAVES = 2
"""Saves of a lane: an old one goes once the new one is whole."""


class Needs(NamedTuple):
    """Bytes that open cells take, if every one spends its budget.

    Attributes:
        results: manifest, tables and curves.
        least: the same, where curves are as short and as small as they can be.
        others: by noun.
    """

    results: int
    least: int
    others: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return self.results + sum(self.others.values())

    def __str__(self) -> str:
        """Name them."""
        sizes = {"results": self.results} | self.others
        return ", ".join(f"{size(n)} of {noun}" for noun, n in sizes.items() if n)


def check(
    grid: Grid, ended: Container[str], folder: AnyPath, *, blocks: int
) -> list[str]:
    """Return a warning where not all of what is to be written may fit.

    Args:
        grid: all cells.
        ended: those that need no training.
        folder: the run directory; where there is none yet, the place for it.
        blocks: that train at a time.

    Raises:
        ValueError: not even the results fit.
    """
    free = free_bytes(folder)
    needs = needs_of(grid, ended, blocks=blocks)
    if free is None or needs.total <= free:
        return []
    if needs.least > free:
        raise ValueError(
            f"out={folder} has {size(free)} free, and the results alone take "
            f"{size(needs.least)}; free space there, or choose another folder with "
            "--out"
        )
    return [
        f"warning: {folder} has {size(free)} free, and this takes up to {needs}; where "
        "the disk is full it stops, and goes on once there is room"
    ]


def needs_of(grid: Grid, ended: Container[str], *, blocks: int) -> Needs:
    """Return what the open cells of a grid take on disk; see `check`."""
    groups = [
        dataclasses.replace(group, cells=cells)
        for group in grid.groups
        if (cells := tuple(cell for cell in group.cells if cell.id not in ended))
    ]
    cells = tuple(cell for group in groups for cell in group.cells)
    remainder = dataclasses.replace(grid, cells=cells, groups=tuple(groups))
    curves = estimate.curve_bytes(remainder)
    rows = CELL_BYTES * len(cells)
    # A cell that groks at once is as short as none can be told beforehand.
    ends_early = grid.config["stop"] == "grokked"
    others = {
        "final states": estimate.state_bytes(remainder),
        "snapshots": estimate.snapshot_bytes(remainder),
        "saves": max((_saved(group, blocks) for group in groups), default=0),
    }
    least = 0 if ends_early else int(LEAST_SHARE * curves)
    return Needs(rows + curves, rows + least, others)


def _saved(group: Group, blocks: int) -> int:
    """Return the bytes of what is saved of a group's cells in flight."""
    lanes = min(blocks * group.block_width, len(group.cells))
    leaves = jax.tree.leaves(one_lane(unsized(group.setup)))
    sizes = [math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves]
    return SAVES * lanes * int(sum(sizes))
