"""Results as an xarray dataset with the grid's axes as dimensions.

>>> dataset = assemble(read_manifest(run_dir), read_results(run_dir))
>>> dataset.test_loss.sel(weight_decay=1.0).mean("seed")
>>> column_of(dataset, "grok_step")           # [cells], whatever the dimensions are
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from jaxgrok.grid.cells import Cell
from jaxgrok.outcomes.outcomes import PHASES
from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import Bits, Result
from jaxgrok.results.labels import label
from jaxgrok.results.rows import (
    CELL_COLUMNS,
    CellRow,
    ComponentRow,
    component_table,
    table,
)
from jaxgrok.training.records import CURVES, Curve

LABELS = (*PHASES, "failed", "pending")
"""What can be said of a cell: its phase, or that it failed or has no result yet."""
TEXT = ("status", "phase", "cause")
"""Columns of cells.csv that hold words, "" where there are none."""
COMPONENT_STEPS = (
    "memorise_step",
    "grok_step",
    "change_step",
    "change_width",
    "non_convex",
)
"""Columns of components.csv that are not the last values of a curve."""


class Rows(NamedTuple):
    """Rows of cells.csv and of components.csv."""

    cells: list[CellRow]
    components: list[ComponentRow]


def assemble(
    manifest: Manifest,
    results: Mapping[str, Result],
    rows: Rows | None = None,
) -> xr.Dataset:
    """Return the results of a run as a dataset; see `run_directory.load`.

    Args:
        manifest: the cells and axes.
        results: by cell id; a cell without one is NaN, its phase and status "".
        rows: the tables of these results, if they are made already.
    """
    if rows is None:
        rows = Rows(table(manifest, results), component_table(manifest, results))
    cells = manifest.cells
    dims, coords = _dimensions(manifest)
    shape = tuple(len(coords[dim]) for dim in dims)
    # The cells of a product come with the last axis fastest: a reshape sorts them in.
    variables: dict[str, Any] = {}
    for name, column in _cell_columns(manifest, results, rows.cells).items():
        if name not in coords:
            variables[name] = (dims, column.reshape(shape))
    curves, curve_coords = _stack(cells, results)
    for name, column in _component_steps(cells, rows.components, curve_coords).items():
        array = column.reshape(*shape, *column.shape[1:])
        variables[name] = ((*dims, "component"), array)
    for curve, array in curves:
        # A measure may have named its curve like an axis of this grid.
        is_taken = curve.name in variables or curve.name in coords
        name = f"measured_{curve.name}" if is_taken else curve.name
        curve_dims = (*dims, "step", curve.dim) if curve.dim else (*dims, "step")
        attrs = {"units": curve.unit} if curve.unit else {}
        variables[name] = (curve_dims, array.reshape(*shape, *array.shape[1:]), attrs)
    attrs = {
        "title": _title(manifest, results),
        "steps": max(cell.lane["steps"] for cell in cells),
        "config": json.dumps(manifest.config),
        "thresholds": json.dumps(vars(manifest.thresholds)),
    }
    dataset = xr.Dataset(variables, coords | curve_coords, attrs)
    label(dataset)
    return dataset


def origin_words(computed_with: Iterable[Bits]) -> str:
    """Word what computed a cell: versions, device, threads and block width."""
    places = []
    for bits in computed_with:
        # The device is a name of its own; the others are numbers that need theirs.
        words = [f"{name} {value}" for name, value in bits.items() if name != "device"]
        places.append(", ".join([str(bits.get("device", "")), *words]))
    return ", then ".join(places)


def axis_names(dataset: xr.Dataset) -> list[str]:
    """Return the axes of the grid, in the dataset's order."""
    cell_dims = set(dataset["phase"].dims)
    return [
        str(name)
        for name, axis in dataset.coords.items()
        if name != "cell" and set(axis.dims) <= cell_dims
    ]


def column_of(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return a per-cell variable or coordinate as [cells], in cell order."""
    # A coordinate such as n_train may lie along one axis alone.
    phase = dataset["phase"]
    return dataset[name].broadcast_like(phase).transpose(*phase.dims).values.ravel()


def values_along(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return the values of an axis [cells], sortable; all "" where there is none."""
    if name not in dataset:
        return np.full(dataset["phase"].size, "")
    values = column_of(dataset, name)
    try:
        return values.astype(float)
    except (TypeError, ValueError):
        return values.astype(str)


def labels_of(dataset: xr.Dataset) -> np.ndarray:
    """Return one of LABELS for every cell [cells].

    Raises:
        ValueError: a phase of the dataset is unknown.
    """
    phases, statuses = column_of(dataset, "phase"), column_of(dataset, "status")
    # A stopped cell that had not grokked has a status and no phase: it is pending.
    without_phase = np.where(statuses == "failed", "failed", "pending")
    labels = np.where(phases == "", without_phase, phases).astype(str)
    unknown = set(labels.tolist()) - set(LABELS)
    if unknown:
        raise ValueError(
            f"phase={min(unknown)!r} is unknown; choose one of {', '.join(PHASES)}"
        )
    return labels


def label_counts(dataset: xr.Dataset) -> str:
    """Write how many cells have each label, the most first: 2 grokking, 1 failed."""
    counts = Counter(labels_of(dataset).tolist()).most_common()
    return ", ".join(f"{count} {label}" for label, count in counts)


def _title(manifest: Manifest, results: Mapping[str, Result]) -> str:
    """Return the heading of all figures, which says whether bits are mixed."""
    places = set()
    for cell in manifest.cells:
        if cell.id in results:
            for bits in results[cell.id].computed_with:
                places.add(origin_words([bits]))
    if len(places) < 2:
        return manifest.title
    return f"{manifest.title} · mixed bits: {len(places)} machines or versions"


def _dimensions(manifest: Manifest) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the dimensions that the cells lie along, and the coordinates of all axes.

    A product grid has a dimension for each axis; any other grid has `cell`.
    """
    if manifest.dims:
        return tuple(manifest.dims), dict(manifest.dims)
    cells = manifest.cells
    coords: dict[str, Any] = {"cell": np.arange(len(cells))}
    for name in manifest.axes:
        coords[name] = ("cell", [cell.axes[name] for cell in cells])
    return ("cell",), coords


def _cell_columns(
    manifest: Manifest, results: Mapping[str, Result], rows: Sequence[CellRow]
) -> dict[str, np.ndarray]:
    """Return the columns of cells.csv for every cell, finished or not: {name: [cells]}.

    The last value of a curve is called `final_`, since the curve has its name.
    """
    # The ledger may have rows of results that no shard holds yet.
    by_id: dict[str, Any] = {row["id"]: row for row in rows if row["id"] in results}
    columns = {"id": _array([cell.id for cell in manifest.cells])}
    origins = []
    for cell in manifest.cells:
        result = results.get(cell.id)
        origins.append(origin_words(result.computed_with) if result else "")
    columns["computed_with"] = _array(origins)
    for name in CELL_COLUMNS:
        missing = {name: "" if name in TEXT else np.nan}
        values = [by_id.get(cell.id, missing)[name] for cell in manifest.cells]
        if name == "n_train":  # the grid says it, before there is a result
            values = [cell.lane["n_train"] for cell in manifest.cells]
        values = [np.nan if value is None else value for value in values]
        columns[f"final_{name}" if name in CURVES else name] = _array(values)
    return columns


def _stack(
    cells: Sequence[Cell], results: Mapping[str, Result]
) -> tuple[list[tuple[Curve, np.ndarray]], dict[str, Any]]:
    """Stack the curves of all cells.

    Returns:
        Each curve, its labels those of all cells, with its values [cells, evals] or
        [cells, evals, entries]: NaN past a cell's end, and where a cell lacks the
        entry. And the coordinates of `step` and of the curves' dimensions.
    """
    finished = [
        (index, results[cell.id])
        for index, cell in enumerate(cells)
        if cell.id in results and len(results[cell.id].records)
    ]
    if not finished:
        return [], {"step": np.array([], int)}
    # Evaluations are equally spaced in all cells: the longest curve has all the steps.
    longest = max((result for _, result in finished), key=lambda r: len(r.records))
    coords: dict[str, Any] = {"step": longest.curve("step").astype(int)}
    curves = []
    for curve in _merged([result for _, result in finished]):
        shape: tuple[int, ...] = len(cells), len(longest.records)
        if curve.dim:
            shape = *shape, curve.size
            coords[curve.dim] = list(curve.labels)
        stacked = np.full(shape, np.nan, longest.records.dtype)
        positions = {label: i for i, label in enumerate(curve.labels)}
        for index, result in finished:
            if curve.name not in result.schema:
                continue
            evals, labels = len(result.records), result.schema[curve.name].labels
            # An int and a list around a slice: NumPy puts the axis of the list first,
            # so what is assigned is [entries, evals].
            columns = [positions[label] for label in labels] if curve.dim else ...
            stacked[index, :evals, columns] = result.curve(curve.name).T
        curves.append((curve, stacked))
    return curves, coords


def _merged(results: Sequence[Result]) -> list[Curve]:
    """Return the curves of all results but the step, those of one name as one curve.

    Curves of one dimension get the same labels, so that they share its coordinate.
    """
    curves: dict[str, Curve] = {}
    labels: dict[str, dict[str | int, None]] = {}
    # Thousands of results share a few schemas. A dict keeps the order of first sight.
    for schema in dict.fromkeys(result.schema for result in results):
        for curve in schema.curves:
            curves.setdefault(curve.name, curve)
            labels.setdefault(curve.dim, {}).update(dict.fromkeys(curve.labels))
    return [
        Curve(curve.name, curve.dim, tuple(labels[curve.dim]), curve.unit)
        for curve in curves.values()
        if curve.name != "step"
    ]


def _component_steps(
    cells: Sequence[Cell], rows: Sequence[ComponentRow], coords: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return what components.csv says beyond final values: {name: [cells, components]}.

    Names begin with `component_`.
    """
    if "component" not in coords:
        return {}
    positions = {label: i for i, label in enumerate(coords["component"])}
    shape = len(cells), len(positions)
    columns = {name: np.full(shape, np.nan) for name in COMPONENT_STEPS}
    for row in rows:
        entries: Mapping[str, Any] = row
        for name, column in columns.items():
            if entries[name] is not None:
                column[row["cell"], positions[row["component"]]] = entries[name]
    return {f"component_{name}": column for name, column in columns.items()}


def _array(column: list[Any]) -> np.ndarray:
    """Return a column as an array [cells], of objects where it holds words."""
    # As an array of str, the longest word would set the width of all.
    has_text = any(isinstance(value, str) for value in column)
    return np.array(column, object if has_text else None)
