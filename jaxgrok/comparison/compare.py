"""Which method groks sooner? Ratios of grok steps to a baseline's, paired by seed.

>>> frame = compare("runs/mine", baseline="optimiser=adamw")
>>> frame[["method", "ratio", "low", "high", "accelerates"]]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxgrok.comparison.circuits import cell_circuits
from jaxgrok.comparison.methods import pairings
from jaxgrok.comparison.ratio import TAIL, Steps, log_rank, median_ratio
from jaxgrok.comparison.step_times import StepTimes, seconds
from jaxgrok.grid.selector import Selector
from jaxgrok.host.terminal import number
from jaxgrok.outcomes.outcomes import PHASES, UNDECIDED
from jaxgrok.results.run import Run, RunOrPath, open_run

DECIDED = frozenset(PHASES) - frozenset(UNDECIDED)
"""Phases that tell whether a cell groks within its budget; a diverged one does not."""


def compare(
    run: RunOrPath,
    baseline: Selector,
    *,
    settings: Sequence[str] | None = None,
    cell: Selector | None = None,
    step_times: StepTimes | None = None,
) -> pd.DataFrame:
    """Compare the grok steps of every method with a baseline's, paired by seed.

    The axes that the baseline names tell methods apart; other axes are settings, unless
    a method has one value of them.

    Args:
        run: as `jaxgrok.open` returns it, or the path of its directory.
        baseline: axis values that fit one method: "optimiser=adamw,weight_decay=1.0".
        settings: axes that tell settings apart. All others but the seed are then of the
            methods, but those whose values follow from method and setting.
        cell: which cells are compared; by default all.
        step_times: selectors of cells → seconds of a step, for ratios of wall time:
            {"optimiser=adamw": 0.0021, "optimiser=muon": 0.0034}.

    Returns:
        One row a method and setting, method by method:

        - `method`, `baseline`, and an axis of the settings a column;
        - `ratio` of the two median grok steps, NaN where one lies beyond the budget;
          `low` and `high` of its 95% interval, 0 and inf where it is open;
        - `accelerates`, `delays`: whether the interval lies below 1, or above;
        - `p` of a log-rank test, which does not know of the pairs;
        - `seeds`; `censored` and `baseline_censored`: cells of them that did not grok;
        - `median` and `baseline_median`: grok steps, NaN beyond the budget;
        - with `step_times`, `wall_ratio`, `wall_low`, `wall_high`;
        - where the run has measures="fourier", medians of the number of
          `key_frequencies` and of the `lead` of the excluded loss, and the baseline's.

    Raises:
        FileNotFoundError: there is no run directory.
        ValueError: an axis or value is unknown, there is one method only, seeds are not
            paired, or a cell has no outcome yet.
    """
    run = open_run(run)
    every = [entry.axes for entry in run.manifest.cells]
    indices = list(range(len(every))) if cell is None else run.matching(cell)
    members = [every[index] for index in indices]
    pairs = pairings(members, baseline, settings)
    steps = steps_of(run, indices)
    times = None if step_times is None else seconds(members, step_times)
    circuits = cell_circuits(run)
    rows = []
    for pair in pairs:
        method, reference = pair.cells, pair.baseline_cells
        row = {"method": pair.method, "baseline": pair.baseline} | pair.setting
        row |= _grok_row(steps.take(method), steps.take(reference))
        if times is not None:
            row |= _wall_row(
                steps.take(method).times(times[method]),
                steps.take(reference).times(times[reference]),
            )
        if circuits is not None:
            row |= circuits.row(
                [indices[index] for index in method],
                [indices[index] for index in reference],
            )
        rows.append(row)
    return pd.DataFrame(rows)


def by_method(frame: pd.DataFrame) -> pd.DataFrame:
    """Count, for each method, the settings in which it accelerates or delays.

    Args:
        frame: of `compare`.

    Returns:
        One row a method: `settings`, `accelerates`, `delays`, and `by_chance`, how many
        of either a method that changes nothing would have, at most.
    """
    groups = frame.groupby("method", sort=False)
    counts = pd.DataFrame(
        {
            "settings": groups.size(),
            "accelerates": groups["accelerates"].sum(),
            "delays": groups["delays"].sum(),
        }
    )
    counts["by_chance"] = TAIL * counts["settings"]
    return counts.reset_index()


def steps_of(run: Run, indices: Sequence[int]) -> Steps:
    """Return the steps of some cells; ValueError if nobody can tell those of one."""
    rows = {row["cell"]: row for row in run.rows()}
    missing = [
        index
        for index in indices
        if index not in rows or rows[index]["phase"] not in DECIDED
    ]
    if missing:
        raise ValueError(
            f"{run.path}: {number(len(missing), 'cell')} of {len(indices)} cannot be "
            f"compared, the first is {missing[0]}: {_reason(rows.get(missing[0]))}; "
            "train it with the command of the run, or compare others (cell=...)"
        )
    grok = [rows[index]["grok_step"] for index in indices]
    budget = [run.manifest.cells[index].lane["steps"] for index in indices]
    # NaN for None. A step 0 would have no ratio to another.
    return Steps(np.maximum(np.array(grok, float), 1), np.array(budget, float))


def _reason(row: Any) -> str:
    """Return why nobody can tell when a cell groks."""
    if row is None:
        return "it has no result yet"
    phase = row["phase"]
    return f"it is {phase}" if phase else f"it {row['status']} before it grokked"


def _grok_row(method: Steps, baseline: Steps) -> dict[str, Any]:
    """Return the columns on grok steps."""
    ratio = median_ratio(method, baseline)
    return {
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "accelerates": ratio.high < 1,
        "delays": ratio.low > 1,
        "p": log_rank(method, baseline),
        "seeds": len(method.grok),
        "censored": method.censored,
        "baseline_censored": baseline.censored,
        "median": method.median(),
        "baseline_median": baseline.median(),
    }


def _wall_row(method: Steps, baseline: Steps) -> dict[str, float]:
    """Return the columns on wall times."""
    ratio = median_ratio(method, baseline)
    return {"wall_ratio": ratio.value, "wall_low": ratio.low, "wall_high": ratio.high}
