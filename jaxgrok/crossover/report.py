"""A search in words, in crossover.csv and as a figure.

>>> rows = table(findings)
>>> write(rows, "runs/crossover_modular-laptop")
>>> print(line(rows[0]))
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgrok.crossover.settings import Setting, describe
from jaxgrok.crossover.stopping import Cause, Stop
from jaxgrok.crossover.verdict import Advice, Finding, Outcome
from jaxgrok.host.files.atomic_files import as_table
from jaxgrok.host.files.paths import UserPath, as_path
from jaxgrok.plots import sweep
from jaxgrok.plots.files import save
from jaxgrok.plots.tables import read_checked
from jaxgrok.report import page
from jaxgrok.results.rows import CROSSOVER as FILE
from jaxgrok.results.rows import CROSSOVER_FIGURE as FIGURE
from jaxgrok.results.run import load
from jaxgrok.results.run_directory import RunDirectory

COLUMNS = (
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
"""Columns of crossover.csv after the axes of the setting."""

OUTCOMES = {
    Outcome.FOUND: (
        "half of the seeds generalise at {crossover} examples ({low} to {high})"
    ),
    Outcome.EVERY_SIZE: "every size generalises (below {high})",
    Outcome.NO_SIZE: "no size generalises within {steps:,} steps (above {low})",
    Outcome.BUDGET_SPENT: "budget spent: {low} to {high} so far",
    Outcome.OPEN: "open: {low} to {high} so far",
}
"""A sentence for each outcome, with the columns of crossover.csv."""
ADVICE = {
    Advice.NONE: "",
    Advice.MORE_TRAININGS: "more trainings would narrow it",
    Advice.LARGER_BUDGET: "a larger budget goes on from here",
    Advice.MORE_SEEDS_TO_BOUND: "more seeds would bound it",
    Advice.SEE_FAILURES: (
        "{failures} trainings failed or had no test example, see cells.csv"
    ),
    Advice.SMALLER_SIZES: "take sizes below {smallest}",
    Advice.LARGER_SIZES: "take sizes above {largest}, or more than {steps:,} steps",
    Advice.FINER_SIZES: "wider than {width:g}: give it finer sizes",
    Advice.MORE_SEEDS: "wider than {width:g}: give it more seeds",
}
"""A sentence for each piece of advice, with the fields of a finding."""
CAUSES = {
    Cause.BUDGET_SPENT: "the budget is spent",
    Cause.ANSWERED: (
        "answered: half of the seeds generalise at {low} to {high} examples"
    ),
    Cause.FAR: (
        "far from the crossover: half of the seeds generalise at {low} to {high} "
        "examples"
    ),
}
"""A sentence for each reason to stop a trial: the column `cause` of cells.csv."""


def table(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the rows of crossover.csv, one per setting."""
    return [_row(finding) for finding in findings]


def write(rows: Sequence[Mapping[str, Any]], out: UserPath) -> None:
    """Write crossover.csv, its figure and the page into a run directory."""
    path = as_path(out)
    with RunDirectory(path) as directory:
        directory.write_table(FILE, as_table(list(rows[0]), rows))
    figure = sweep.crossover(load(out), rows)
    (path / FIGURE).parent.mkdir(exist_ok=True)
    save(figure, path / FIGURE)
    page.rewrite(out)


def read_table(run_dir: UserPath) -> list[dict[str, Any]] | None:
    """Return the rows of crossover.csv with their types; None if there is no file.

    Raises:
        ValueError: it is damaged.
    """
    path = as_path(run_dir)
    if not (path / FILE).exists():
        return None
    return read_checked(path, FILE)


def line(row: Mapping[str, Any]) -> str:
    """Return a row of crossover.csv as one line for the terminal."""
    # The axes of the setting come before the columns of the answer.
    names = list(row)
    axes = tuple((name, row[name]) for name in names[: names.index("outcome")])
    interval = {name: row[name] or "…" for name in ("low", "high")}
    answer = OUTCOMES[Outcome(row["outcome"])].format(**{**row, **interval})
    saved = f", sparing up to {row['saved']:,} steps" if row["stopped"] else ""
    cost = (
        f"{row['trainings']} trainings ({row['stopped']} stopped early{saved}), "
        f"{row['lane_steps']:,} lane-steps"
    )
    parts = [f"{describe(axes)}: {answer}", cost, row["advice"]]
    return " · ".join(part for part in parts if part)


def advice(finding: Finding) -> str:
    """Return the advice of a finding as a sentence, "" if there is none."""
    return ADVICE[finding.advice].format(**vars(finding))


def stop_words(stop: Stop) -> str:
    """Return why a trial was stopped, as a sentence."""
    low = f"{stop.low:.0f}" if stop.low else "…"
    high = f"{stop.high:.0f}" if stop.high < math.inf else "…"
    return CAUSES[stop.cause].format(low=low, high=high)


def headline(scale: str, settings: Sequence[Setting], width: float) -> str:
    """Return the line printed before a search: what it looks through."""
    sizes = sorted({size for setting in settings for size in setting.sizes})
    seeds = max(len(setting.seeds) for setting in settings)
    n_prior = sum(len(setting.prior) for setting in settings)
    steps = max(setting.steps for setting in settings)
    crossovers = "1 crossover" if len(settings) == 1 else f"{len(settings)} crossovers"
    text = (
        f"{scale} scale: {crossovers} to within a factor of {width:g}, in "
        f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]} and {seeds} seeds, up to "
        f"{steps:,} steps a training"
    )
    return f"{text}; {n_prior} trainings known" if n_prior else text


def _row(finding: Finding) -> dict[str, Any]:
    """Return a finding as a row; sizes become whole, the interval never narrower."""
    estimate, low, high = finding.estimate, finding.low, finding.high
    # An end that is a size searched stays itself, whatever rounding made of it.
    return {
        **dict(finding.axes),
        "outcome": str(finding.outcome),
        "crossover": None if estimate is None else round(estimate),
        "low": None if low is None else math.floor(low + 1e-6),
        "high": None if high is None else math.ceil(high - 1e-6),
        "steps": finding.steps,
        "trainings": finding.trainings,
        "stopped": finding.stopped,
        "lane_steps": finding.lane_steps,
        "saved": finding.saved,
        "advice": advice(finding),
    }
