"""Do methods learn other circuits? Key frequencies and leads, where a run records them.

>>> measures = cell_circuits(jaxgrok.open("runs/mine"))
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgrok.circuits.sweep_measures import key_frequencies
from jaxgrok.plots.sweep.circuit_measures import (
    MEASURES,
    cell_curves,
    cell_measures,
)
from jaxgrok.results.run import Run


@dataclass(frozen=True)
class CellCircuits:
    """What a run with measures="fourier" recorded of every cell.

    Attributes:
        key_frequencies: [cells] how many there are at the end of the training; NaN
            where the spectrum is not sparse.
        lead: [cells] steps from the rise of the excluded loss to the grok step; NaN
            where there is none (see `circuits.sweep_measures.survey`).
    """

    key_frequencies: NDArray[np.float64]
    lead: NDArray[np.float64]

    def row(self, cells: list[int], baseline_cells: list[int]) -> dict[str, Any]:
        """Return the medians over the cells of a method and of its baseline."""
        return {
            "key_frequencies": _median(self.key_frequencies[cells]),
            "baseline_key_frequencies": _median(self.key_frequencies[baseline_cells]),
            "lead": _median(self.lead[cells]),
            "baseline_lead": _median(self.lead[baseline_cells]),
        }


def cell_circuits(run: Run) -> CellCircuits | None:
    """Return what a run recorded of its cells' circuits; None without the measures."""
    # The manifest says so at once; the curves of a large run take seconds to read.
    if run.manifest.config.get("measures") == "none":
        return None
    dataset = run.dataset()
    if any(name not in dataset for name in MEASURES):
        return None
    counts = key_frequencies(cell_curves(dataset)).sum(1).astype(float)
    _, lead = cell_measures(dataset)
    return CellCircuits(np.where(counts > 0, counts, np.nan), lead)


def _median(values: NDArray[np.float64]) -> float:
    """Return the median of the values that there are; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan
