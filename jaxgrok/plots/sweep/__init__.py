"""Plots: an xarray dataset of cells to figures.

`phases` the phase diagram · `curves` loss and accuracy over steps · `components` the
loss of every digit, trigram or task · `steps` memorise and grok steps along an axis ·
`spikes` slingshots · `crossover` how much data each setting needs. They read what
`jaxgrok.load(run_dir)` gives: per-cell variables over the axes of a product grid or
over one `cell` dimension. No pyplot, hence no global state.

    save(phase_diagram(jaxgrok.load(run_dir)), "phases.png")
"""

from collections.abc import Iterator

import xarray as xr
from matplotlib.figure import Figure

from jaxgrok.plots.sweep.components import components
from jaxgrok.plots.sweep.crossover import crossover
from jaxgrok.plots.sweep.curves import MOST_CURVES, curves
from jaxgrok.plots.sweep.grok_steps import steps, varied_axis
from jaxgrok.plots.sweep.phase_diagram import phase_diagram
from jaxgrok.plots.sweep.spikes import spikes

__all__ = [
    "MOST_CURVES",
    "components",
    "crossover",
    "curves",
    "figures",
    "phase_diagram",
    "spikes",
    "steps",
]


def figures(dataset: xr.Dataset) -> Iterator[tuple[str, Figure]]:
    """The figures that a dataset has something for, one at a time, with their names."""
    yield "phase_diagram", phase_diagram(dataset)
    if "train_loss" not in dataset:
        return
    yield "curves", curves(dataset)
    if "component" in dataset.dims:
        yield "components", components(dataset)
    if varied_axis(dataset) is not None:
        yield "steps", steps(dataset)
    if (dataset["spikes"].fillna(0) > 0).any():
        yield "spikes", spikes(dataset)
