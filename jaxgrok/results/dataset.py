"""Results as an xarray dataset with the grid's axes as dimensions.

Owns the names and dimensions of what `jaxgrok.load` returns. Reads no files.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from jaxgrok.grid.cells import Cell
from jaxgrok.results.manifest import Manifest
from jaxgrok.results.rows import TABLE, Result, component_table, table
from jaxgrok.training.records import COMPONENT_CURVES, CURVES


class Rows(NamedTuple):
    """Rows of cells.csv and of components.csv."""

    cells: list[dict[str, Any]]
    components: list[dict[str, Any]]


def assemble(
    manifest: Manifest,
    results: Mapping[str, Result],
    rows: Rows | None = None,
) -> xr.Dataset:
    """The dataset of a manifest and the results there are; see `jaxgrok.load`.

    A product grid has one dimension per axis; zipped and chained grids have `cell`,
    with the axes as coordinates. Curves have a further dimension `step`, NaN past a
    cell's end; `sum_of_squares` also `matrix`, Fourier measures `freq`, and what is
    known of every digit, trigram or task `component`. Unfinished cells have phase and
    status "". The rows of the tables are made here unless they are given.
    """
    if rows is None:
        made = table(manifest, results), component_table(manifest, results)
        rows = Rows(*made)
    of_cell = {row["id"]: row for row in rows.cells if row["id"] in results}
    cells = manifest.cells
    if manifest.dims:
        dims, shape = zip(*((n, len(v)) for n, v in manifest.dims.items()), strict=True)
        coords: dict[str, Any] = dict(manifest.dims)
    else:
        dims, shape = ("cell",), (len(cells),)
        coords = {"cell": np.arange(len(cells))}
        for name in manifest.axes:
            coords[name] = ("cell", [cell.axes[name] for cell in cells])
    variables: dict[str, Any] = {"id": (dims, _grid([c.id for c in cells], shape))}
    for name in TABLE:
        text = name in ("status", "phase", "cause")
        default: Any = "" if text else np.nan
        column = [of_cell.get(c.id, {}).get(name, default) for c in cells]
        if name == "n_train":
            column = [c.lane["n_train"] for c in cells]
        column = [np.nan if value is None else value for value in column]
        final = f"final_{name}" if name in CURVES else name
        if final not in coords:
            variables[final] = (dims, _grid(column, shape))
    curves, axes = _curves(cells, results)
    for name, (array, last) in curves.items():
        variables[name] = ((*dims, *last), array.reshape(*shape, *array.shape[1:]))
    for name, array in _of_components(manifest, rows.components, axes).items():
        last = ("component",)
        variables[name] = ((*dims, *last), array.reshape(*shape, *array.shape[1:]))
    attrs = {
        "title": manifest.title,
        "steps": max(cell.lane["steps"] for cell in cells),
        "config": json.dumps(manifest.config),
        "thresholds": json.dumps(vars(manifest.thresholds)),
    }
    return xr.Dataset(variables, coords | axes, attrs)


def _curves(
    cells: Sequence[Cell], results: Mapping[str, Result]
) -> tuple[dict[str, tuple[np.ndarray, tuple[str, ...]]], dict[str, Any]]:
    """Stack records to {name: ([cells, evals(, …)], its last dims)}; coordinates.

    NaN past a cell's end, and where a cell lacks a column. A column `name/part` is the
    component or frequency `part` of the curve `name`.
    """
    present = [results[c.id] for c in cells if c.id in results]
    present = [result for result in present if len(result.records)]
    if not present:
        return {}, {"step": np.array([], int)}
    columns = list(dict.fromkeys(name for r in present for name in r.columns))
    place = {name: i for i, name in enumerate(columns)}
    longest = max(present, key=lambda result: len(result.records))
    shape = (len(cells), len(longest.records), len(columns))
    stacked = np.full(shape, np.nan, longest.records.dtype)
    order = {cell.id: i for i, cell in enumerate(cells)}
    for result in present:
        where = [place[name] for name in result.columns]
        stacked[order[result.cell], : len(result.records), where] = result.records.T
    curves: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
        name: (stacked[..., place[name]], ("step",)) for name in CURVES
    }
    axes: dict[str, Any] = {"step": longest.curve("step").astype(int)}
    rest = [name for name in columns if name not in ("step", *CURVES)]
    matrices = [name for name in rest if "/" not in name]
    where = [place[name] for name in matrices]
    curves["sum_of_squares"] = stacked[..., where], ("step", "matrix")
    axes["matrix"] = matrices
    parted: dict[str, list[str]] = {}
    for name in rest:
        if "/" in name:
            parted.setdefault(name.partition("/")[0], []).append(name)
    for name, parts in parted.items():
        last = "component" if name in COMPONENT_CURVES else "freq"
        curves[name] = stacked[..., [place[part] for part in parts]], ("step", last)
        labels = [part.partition("/")[2] for part in parts]
        axes[last] = labels if last == "component" else list(map(int, labels))
    return curves, axes


def _of_components(
    manifest: Manifest, rows: list[dict[str, Any]], axes: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """What components.csv says beyond final values: {name: [cells, components]}."""
    if "component" not in axes:
        return {}
    names = ("memorise_step", "grok_step", "change_step", "change_width", "non_convex")
    shape = len(manifest.cells), len(axes["component"])
    found = {f"component_{name}": np.full(shape, np.nan) for name in names}
    for row in rows:
        at = row["cell"], axes["component"].index(row["component"])
        for name in names:
            if row[name] is not None:
                found[f"component_{name}"][at] = row[name]
    return found


def _grid(column: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    text = any(isinstance(value, str) for value in column)
    return np.array(column, object if text else None).reshape(shape)
