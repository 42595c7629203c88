"""Plots: an xarray dataset of cells to figures.

`phases` the phase diagram · `curves` loss and accuracy over steps · `components` the
loss of every digit, trigram or task · `steps` memorise and grok steps along an axis ·
`spikes` slingshots · `crossover` how much data each setting needs. They read what
`jaxgrok.load(run_dir)` gives: per-cell variables over the axes of a product grid or
over one `cell` dimension. No pyplot, hence no global state.

    save(phase_diagram(jaxgrok.load(run_dir)), "phases.png")
"""

import os
from collections.abc import Iterator
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from jaxgrok.plots.components import components
from jaxgrok.plots.crossover import crossover
from jaxgrok.plots.curves import MOST_CURVES, curves
from jaxgrok.plots.phases import phase_diagram
from jaxgrok.plots.spikes import spikes
from jaxgrok.plots.steps import steps, varied_axis

__all__ = [
    "MOST_CURVES",
    "components",
    "crossover",
    "curves",
    "figures",
    "phase_diagram",
    "save",
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


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG or SVG, whole or not at all."""
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ValueError(f"path = {str(path)!r}: allowed is a name in .png or .svg")
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # Without a date, an SVG of the same results is the same file.
    metadata = {"Date": None} if kind == "svg" else None
    try:
        figure.savefig(
            partial, format=kind, dpi=150, bbox_inches="tight", metadata=metadata
        )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
