"""The figures of a sweep, drawn from its run directory while it trains.

>>> dataset = redraw(directory, ledger)
"""

import xarray as xr

from jaxgrok.plots import sweep
from jaxgrok.plots.files import save
from jaxgrok.plots.sweep.circuit_measures import circuit_measures
from jaxgrok.results.dataset import Rows
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory


def redraw(directory: RunDirectory, ledger: Ledger) -> xr.Dataset:
    """Draw the figures of what is on disk, and return it."""
    dataset = directory.assemble(Rows(ledger.rows(), ledger.component_rows()))
    folder = directory.path / "plots"
    folder.mkdir(exist_ok=True)
    for name, figure in sweep.figures(dataset):
        save(figure, folder / f"{name}.png")
    if "W_E_norm" in dataset:
        save(circuit_measures(dataset), folder / "circuit_measures.png")
    return dataset
