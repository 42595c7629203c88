"""A comparison in words, in compare.csv and as a figure.

>>> frame = compare("runs/mine", baseline="optimiser=adamw")
>>> print(text(frame))
>>> write(frame, jaxgrok.open("runs/mine"))
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxgrok.comparison.compare import by_method
from jaxgrok.comparison.methods import value_name
from jaxgrok.host.files.checked_files import write_table
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots.files import save
from jaxgrok.plots.run_figures import figures
from jaxgrok.plots.sweep.compare import setting_axes, verdict
from jaxgrok.results.run import Run

FILE = "compare.csv"
FIGURE = "compare"
"""Name of the figure, and of its file in the folder plots/ of the run."""


def write(frame: pd.DataFrame, run: Run) -> tuple[AnyPath, AnyPath]:
    """Write compare.csv and its figure into a run directory; return their paths."""
    rows = [
        {name: _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
    table, picture = run.path / FILE, run.path / "plots" / f"{FIGURE}.png"
    write_table(table, list(frame.columns), rows)
    ((_, figure),) = figures(run, [FIGURE])
    picture.parent.mkdir(exist_ok=True)
    save(figure, picture)
    return table, picture


def text(frame: pd.DataFrame) -> str:
    """Return a comparison as a table, and a line a method of how it did in all."""
    names = list(frame.columns)
    rows = frame.to_dict("records")
    columns = {"method": [str(row["method"]) for row in rows]}
    for name in setting_axes(rows[0]):
        columns[name] = [value_name(row[name]) for row in rows]
    columns["steps / baseline's"] = [ratio_words(row) for row in rows]
    if "wall_ratio" in names:
        columns["time / baseline's"] = [ratio_words(row, "wall_") for row in rows]
    columns["p"] = [_number(row["p"]) for row in rows]
    for name in ("key_frequencies", "lead"):
        if name in names:
            columns[name.replace("_", " ")] = [_both(row, name) for row in rows]
    columns["censored"] = [
        f"{row['censored']} and {row['baseline_censored']} of {row['seeds']}"
        for row in rows
    ]
    columns[""] = [verdict(row) for row in rows]
    return "\n".join([*_aligned(columns), "", *_count_lines(frame)])


def ratio_words(row: Mapping[str, Any], prefix: str = "") -> str:
    """Return a ratio with its interval: `0.72 (0.61 to 0.85)`, or open: `> 1.4`.

    Args:
        row: of a comparison.
        prefix: `wall_` for the ratio of wall times.
    """
    # Open ends are 0 and infinity.
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    if low > 0 and high < math.inf:
        interval = f"{low:.3g} to {high:.3g}"
    elif low > 0:
        interval = f"> {low:.3g}"
    elif high < math.inf:
        interval = f"< {high:.3g}"
    else:
        interval = "open"
    value = row[f"{prefix}ratio"]
    return interval if _is_missing(value) else f"{value:.3g} ({interval})"


def _count_lines(frame: pd.DataFrame) -> list[str]:
    """Return a line a method: in how many settings it accelerates, and delays."""
    return [
        f"{row['method']}: accelerates in {row['accelerates']} of {row['settings']}, "
        f"delays in {row['delays']}; by chance at most {row['by_chance']:.2g} of each"
        for row in by_method(frame).to_dict("records")
    ]


def _aligned(columns: Mapping[str, list[str]]) -> list[str]:
    """Return columns of words as lines, padded to one width each."""
    padded = []
    for name, column in columns.items():
        width = max(map(len, [name, *column]))
        padded.append([word.ljust(width) for word in (name, *column)])
    return ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]


def _both(row: Mapping[str, Any], name: str) -> str:
    """Return a number of the method and that of the baseline: `3 and 5`."""
    pair = row[name], row[f"baseline_{name}"]
    return " and ".join("–" if _is_missing(value) else f"{value:g}" for value in pair)


def _number(value: Any) -> str:
    return "–" if _is_missing(value) else f"{value:.2g}"


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _plain(value: Any) -> Any:
    """Return a value as compare.csv has it: six digits, nothing for NaN."""
    if not isinstance(value, float | np.floating):
        return value
    return None if math.isnan(value) else float(f"{value:.6g}")
