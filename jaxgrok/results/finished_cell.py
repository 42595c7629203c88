"""A cell that has just ended, as it is handed to a callback.

>>> def log(cell): print(cell.axes, cell.phase, cell.curves["test_loss"][-1])
>>> jaxgrok.run(config, out="runs/mine", on_cell=log)
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxgrok.results.files.shards import Result
from jaxgrok.results.rows import CellRow

OnCell = Callable[["FinishedCell"], object]
"""What is called with every cell that ends."""


class CallbackFailed(RuntimeError):
    """A callback raised an error; the sweep was saved and stopped."""


@dataclasses.dataclass(frozen=True)
class FinishedCell:
    """A cell and its result.

    Attributes:
        row: its row of cells.csv: status, phase, memorise step, grok step, ...
        result: its curves, and how it ended.
        done: cells that have ended so far, this one included.
        total: cells that there will be in all; None where nobody knows.
    """

    row: CellRow
    result: Result
    done: int
    total: int | None

    @property
    def index(self) -> int:
        """Its row of cells.csv, by which `run.cell` finds it."""
        return self.row["cell"]

    @property
    def axes(self) -> dict[str, Any]:
        """Its value on every axis of the grid."""
        return self.row["axes"]

    @property
    def phase(self) -> str:
        """Its phase; "" for a cell that failed."""
        return self.row["phase"]

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """Its curves by name, `step` among them: [evals], or [evals, entries]."""
        names = [curve.name for curve in self.result.schema.curves]
        return {name: self.result.curve(name) for name in names}


def hand_over(cell: FinishedCell, on_cell: OnCell) -> None:
    """Call a user's callback; an error of it names the cell.

    Raises:
        CallbackFailed: whatever the callback raises, as its cause.
    """
    try:
        on_cell(cell)
    except Exception as error:
        raise CallbackFailed(
            f"on_cell failed at cell {cell.index} ({type(error).__name__}: {error}); "
            "everything is saved, and the same call goes on"
        ) from error
