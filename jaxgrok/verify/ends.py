"""How every planned cell of a run ended, and why.

>>> ends(manifest, table(manifest, results), is_search=False)[0]
End(cell=0, how='censored', cause='no grokking within 5,000 steps')
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.rows import CellRow

HOW = ("done", "censored", "diverged", "stopped", "failed", "unfinished", "unasked")
"""How a planned cell may have ended; a search does not ask for all that it may."""
OPEN = ("failed", "unfinished")
"""Those with which a run is not whole."""


class End(NamedTuple):
    """How a cell ended.

    Attributes:
        cell: its row of cells.csv.
        how: one of HOW.
        cause: why; "" for one that is done.
    """

    cell: int
    how: str
    cause: str = ""


def ends(
    manifest: Manifest,
    rows: Iterable[CellRow],
    again: Collection[str] = (),
    *,
    is_search: bool,
) -> list[End]:
    """Return how every planned cell ended, in cell order.

    Args:
        manifest: says which are planned.
        rows: of the cells that have a result.
        again: ids of those of them that are trained again for their snapshots.
        is_search: whether a finished search planned them.
    """
    by_index = {row["cell"]: row for row in rows}
    missing = (
        ("unasked", "the search did not ask for it")
        if is_search
        else ("unfinished", "it has no result")
    )
    found = []
    for index, cell in enumerate(manifest.cells):
        if cell.id in again:
            found.append(End(index, "unfinished", "it is trained again for snapshots"))
        elif index in by_index:
            found.append(_end(by_index[index]))
        else:
            found.append(End(index, *missing))
    return found


def _end(row: CellRow) -> End:
    """Return how a cell with a result ended."""
    index, status = row["cell"], row["status"]
    if status != "done":
        return End(index, status, row["cause"] or "no cause is known")
    if row["grok_step"] is None and row["phase"] in ("memorisation", "confusion"):
        words = f"no grokking within {row['steps']:,} steps"
        return End(index, "censored", words)
    return End(index, "done")
