"""What a crossover search found: crossover.csv, its figure, and words.

>>> write(findings, "runs/crossover_modular-laptop")
"""

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxgrok.crossover.search import Finding
from jaxgrok.host.atomic_files import write_table
from jaxgrok.plots import sweep
from jaxgrok.plots.files import save
from jaxgrok.results.run import load

TABLE = (
    "outcome",
    "crossover",
    "low",
    "high",
    "steps",
    "trainings",
    "stopped",
    "lane_steps",
    "saved",
    "advice",
)
"""Columns of crossover.csv after those of the setting."""


def table(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Rows of crossover.csv, one a setting; sizes are whole, outwards."""
    rows = []
    for found in findings:
        axes: Any = found.bracket
        row: dict[str, Any] = dict(axes) | {"outcome": found.outcome}
        row["crossover"] = None if found.estimate is None else round(found.estimate)
        row["low"] = None if found.low is None else math.floor(found.low + 1e-6)
        row["high"] = None if found.high is None else math.ceil(found.high - 1e-6)
        row |= {name: getattr(found, name) for name in TABLE[4:]}
        rows.append(row)
    return rows


def write(findings: list[Finding], out: str | Path) -> None:
    """Write crossover.csv and plots/crossover.png of a run directory."""
    rows = table(findings)
    write_table(Path(out) / "crossover.csv", list(rows[0]), rows)
    figure = sweep.crossover(load(out), rows)
    (Path(out) / "plots").mkdir(exist_ok=True)
    save(figure, Path(out) / "plots" / "crossover.png")


def stored(run_dir: str | Path) -> list[Finding] | None:
    """The findings that a search left in crossover.csv; None where there is none."""
    path = Path(run_dir) / "crossover.csv"
    if not path.exists():
        return None
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    findings = []
    for row in rows:
        values = {name: _value(text) for name, text in row.items()}
        result = {name: values.pop(name) for name in TABLE}
        result["estimate"] = result.pop("crossover")
        result["advice"] = result["advice"] or ""
        findings.append(Finding(tuple(values.items()), **result))
    return findings


def named(bracket: Any) -> str:
    """The setting of a bracket in words."""
    return " ".join(f"{axis}={value}" for axis, value in bracket) or "the grid"


def _value(text: str) -> Any:
    """A cell of a table in the type it was written from; None where it is empty."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"": None, "True": True, "False": False}.get(text, text)


def words(found: Finding) -> str:
    """A finding in one line."""
    row = table([found])[0]
    name = named(found.bracket)
    spared = f", sparing up to {found.saved:,} steps" if found.stopped else ""
    made = (
        f"{found.trainings} trainings ({found.stopped} stopped early{spared}), "
        f"{found.lane_steps:,} lane-steps"
    )
    low, high = row["low"] or "…", row["high"] or "…"
    if found.outcome == "found":
        text = (
            f"half of the seeds generalise at {row['crossover']} examples "
            f"({low} to {high})"
        )
    elif found.outcome == "no size generalises":
        text = f"no size generalises within {found.steps:,} steps (above {low})"
    elif found.outcome == "every size generalises":
        text = f"every size generalises (below {high})"
    else:
        text = f"{found.outcome}: {low} to {high} so far"
    return f"{name}: {text} · {made}{f' · {found.advice}' if found.advice else ''}"
