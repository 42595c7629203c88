"""The figures of a sweep and its page, drawn from its run directory while it trains.

>>> dataset = redraw(directory, ledger)
"""

import xarray as xr

from jaxgrok.plots.files import save
from jaxgrok.plots.run_figures import sweep_figures
from jaxgrok.report import page
from jaxgrok.report.data import RunData
from jaxgrok.results.dataset import Rows
from jaxgrok.results.files import cell_table
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory


def redraw(directory: RunDirectory, ledger: Ledger) -> xr.Dataset:
    """Draw the figures of what is on disk, write its page, and return it."""
    dataset = directory.assemble(Rows(ledger.rows(), ledger.component_rows()))
    folder = directory.path / "plots"
    folder.mkdir(exist_ok=True)
    for name, figure in sweep_figures(dataset):
        save(figure, folder / f"{name}.png")
    manifest = directory.manifest()
    # No browser shows a page of so many cells.
    if manifest and len(manifest.cells) <= cell_table.MANY:
        run = RunData(directory.path, manifest, dataset)
        page.write(directory.path / page.FILE, [run])
    return dataset
