"""The cells of a run as the page's table: axes, outcomes, measures.

>>> table(dataset)["measures"][0]["name"]
'grok_step'
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from jaxgrok.plots.labels import axis_name, value_names
from jaxgrok.plots.sweep.circuit_measures import MEASURES, cell_measures
from jaxgrok.report.pack import listed
from jaxgrok.report.texts import sendable
from jaxgrok.results.dataset import LABELS, axis_names, column_of, values_along
from jaxgrok.results.labels import described
from jaxgrok.results.phase_grid import CellOutcomes, cell_outcomes, gather

FINALS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""Curves whose last values the page gives as cells.csv does."""


def table(dataset: xr.Dataset) -> dict[str, Any]:
    """Return the table of the cells, with the axes that the page begins with."""
    view = gather(dataset)
    outcomes = cell_outcomes(dataset)
    names = axis_names(dataset)
    sides = [name for name in (view.x, view.y) if name not in names]
    label_index = {label: i for i, label in enumerate(LABELS)}
    settings = zip(*(values_along(dataset, name) for name in names), strict=True)
    return {
        "axes": [_axis(dataset, name) for name in (*names, *sides)],
        # Whether axis values pick one cell: in a chain, two may share them.
        "unique": len(set(settings)) == dataset["phase"].size,
        "view": {"x": view.x, "y": view.y},
        "labels": [label_index[label] for label in outcomes.labels.tolist()],
        "tested": outcomes.is_tested.astype(int).tolist(),
        "censored": outcomes.is_censored.astype(int).tolist(),
        "followed": listed(outcomes.followed),
        "memorise_step": listed(column_of(dataset, "memorise_step")),
        "grok_step": listed(outcomes.grok_step),
        "finals": {
            name: listed(column_of(dataset, f"final_{name}"))
            for name in FINALS
            if f"final_{name}" in dataset
        },
        "causes": _causes(dataset),
        "measures": list(_measures(dataset, outcomes)),
    }


def _axis(dataset: xr.Dataset, name: str) -> dict[str, Any]:
    """Return an axis: its values in ascending order, and each cell's among them."""
    column = values_along(dataset, name)
    values, index, first = _unique(column)
    texts = [""] * len(values)
    if name in dataset:
        words = column_of(dataset, name)
        texts = [_selector_text(words[cell]) for cell in first]
    is_there = name in dataset
    return {
        "name": name,
        "label": sendable(axis_name(name)) if is_there else "",
        "values": [sendable(text) for text in value_names(values)],
        # What a selector writes: "1.0", where the axis says "1".
        "texts": texts,
        "index": index.tolist(),
    }


def _unique(column: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of a column, each cell's index among them, and first cells."""
    values, first, index = np.unique(column, return_index=True, return_inverse=True)
    return values, index, first


def _selector_text(value: Any) -> str:
    """Return a value as selectors write it; "" where they cannot."""
    text = str(value.item() if isinstance(value, np.generic) else value)
    is_plain = text == sendable(text) and not set(text) & set(',="\n\\')
    return text if is_plain and text != "nan" else ""


def _causes(dataset: xr.Dataset) -> dict[int, str]:
    """Return why cells ended, by cell index, those that have something to say."""
    if "cause" not in dataset:
        return {}
    causes = column_of(dataset, "cause").tolist()
    return {i: sendable(str(cause)) for i, cause in enumerate(causes) if cause}


def _measures(dataset: xr.Dataset, cells: CellOutcomes) -> Iterator[dict[str, Any]]:
    """Yield what squares can be coloured by, besides the phase.

    Where `late` is given, a median is censored like that of the grok step: of the cells
    that were tested, one without a value counts as later than `late`.
    """
    memorise = column_of(dataset, "memorise_step").astype(float)
    tested = cells.is_tested
    late = np.where(cells.is_censored, cells.followed, np.nan)
    yield measure_of("grok_step", "grok step", cells.grok_step, "log", tested, late)
    # Of a cell that never memorised there is no delay, nor one to wait for.
    has_memorised = tested & np.isfinite(memorise)
    delay, late = cells.grok_step - memorise, late - memorise
    title = "delay: grok step − memorise step"
    yield measure_of("delay", title, delay, "log", has_memorised, late)
    yield measure_of("memorise_step", "memorise step", memorise, "log")
    for name in FINALS:
        if f"final_{name}" in dataset:
            column = column_of(dataset, f"final_{name}").astype(float)
            scale = "log" if name.endswith("loss") else "share"
            yield measure_of(
                f"final_{name}", described(f"final_{name}")[0], column, scale
            )
    for name in ("spikes", "change_width"):
        if name in dataset:
            column = column_of(dataset, name).astype(float)
            yield measure_of(name, described(name)[0], column, "linear")
    yield from _recorded(dataset)


def _recorded(dataset: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Yield the last values of other curves, and the two circuit measures."""
    dims = (*dataset["phase"].dims, "step")
    count = dataset["phase"].size
    if all(name in dataset for name in MEASURES):
        share, lead = cell_measures(dataset)
        yield measure_of("share", "share of W_E in key frequencies", share, "share")
        title = "lead of the excluded loss over the grok"
        yield measure_of("lead", title, lead, "signed")
    for name, variable in dataset.data_vars.items():
        name = str(name)
        if variable.dims != dims or name in (*FINALS, "max_train_loss"):
            continue
        last = last_values(variable.values.reshape(count, -1))
        scale = "linear" if (last < 0).any() else "magnitude"
        yield measure_of(f"final_{name}", f"final {described(name)[0]}", last, scale)
    if "sum_of_squares" in dataset and "step" in dataset["sum_of_squares"].dims:
        total = dataset["sum_of_squares"].sum("matrix", skipna=False).transpose(*dims)
        last = np.sqrt(last_values(total.values.reshape(count, -1)))
        yield measure_of("final_norm", "final norm of all weights", last, "magnitude")


def last_values(curves: np.ndarray) -> np.ndarray:
    """Return the last finite value of each curve: [cells, evals] → [cells]."""
    finite = np.isfinite(curves)
    last = curves.shape[1] - 1 - np.argmax(finite[:, ::-1], axis=1)
    values = curves[np.arange(len(curves)), last].astype(float)
    return np.where(finite.any(axis=1), values, np.nan)


def measure_of(
    name: str,
    title: str,
    values: np.ndarray,
    scale: str,
    tested: np.ndarray | None = None,
    late: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return a measure for the page."""
    entry = {
        "name": name,
        "title": sendable(title),
        "scale": scale,
        "values": listed(values),
    }
    if tested is not None and late is not None:
        entry |= {"tested": tested.astype(int).tolist(), "late": listed(late)}
    return entry
