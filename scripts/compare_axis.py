"""Does a setting change the outcomes? The cells of a run, value by value of an axis.

    python scripts/compare_axis.py runs/precision-laptop precision

Prints, for each value: cells, the share that groks, the quartiles of grok step and last
test loss, the spikes in all and in how many cells and, where the run has circuits, the
quartiles of the number of key frequencies and of the answer's share of the logits'
variance. Behind each stands p of a rank test against the first value: Wilcoxon's signed
ranks of the pairs that agree in all other axes (Mann-Whitney's in brackets, which knows
no pairs). A censored grok step ranks behind all others.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from absl import app
from scipy import stats

import jaxgrok

LATE = 1e9
"""Stands for a censored step in ranks."""


def table(run_dir: str, axis: str) -> dict[str, pd.DataFrame]:
    """The cells of each value of an axis, by the cells' other axes."""
    run = jaxgrok.open(run_dir)
    cells = run.cells().set_index("cell")
    cells = cells[cells.status != "failed"]
    circuits = Path(run_dir) / "circuits.csv"
    if circuits.exists():
        rows = pd.read_csv(circuits, keep_default_na=False).set_index("cell")
        cells["n_key_frequencies"] = rows.key_frequencies.map(lambda x: len(x.split()))
        cells["answer_share"] = pd.to_numeric(rows.answer_share, errors="coerce")
    cells["grok_step"] = cells.grok_step.to_numpy(float, na_value=LATE)
    pairs = [name for name in run.manifest.axes if name != axis]
    groups = cells.groupby(axis, sort=False)
    return {str(value): rows.set_index(pairs) for value, rows in groups}


def quartiles(values: np.ndarray) -> str:
    """Three of the values themselves."""
    parts = np.percentile(values, (25, 50, 75), method="lower")
    return " / ".join("-" if part == LATE else f"{part:.3g}" for part in parts)


def total(values: np.ndarray) -> str:
    """The sum, and in how many cells it is more than 0."""
    return f"{values.sum():.0f} in {np.count_nonzero(values)}"


MEASURES = {
    "grok_step": quartiles,
    "spikes": total,
    "test_loss": quartiles,
    "n_key_frequencies": quartiles,
    "answer_share": quartiles,
}


def ranks(values: np.ndarray, first: np.ndarray) -> str:
    """How likely so different ranks are by chance: paired, and unpaired in brackets."""
    differ = (values != first).any()
    paired = stats.wilcoxon(values, first).pvalue if differ else 1.0
    return f"p = {paired:.2g} ({stats.mannwhitneyu(values, first).pvalue:.2g})"


def main(argv: list[str]) -> None:
    if len(argv) != 3:
        raise app.UsageError("name a run directory and one of its axes")
    groups = table(argv[1], argv[2])
    first = next(iter(groups.values()))
    names = [name for name in MEASURES if name in first]
    print(f"| {argv[2]} | cells | grok | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 3) + "|")
    for value, rows in groups.items():
        share, texts = (rows.grok_step < LATE).mean(), []
        for name in names:
            values = rows[name].to_numpy(float)
            reference = first.loc[rows.index, name].to_numpy(float)
            texts.append(f"{MEASURES[name](values)}, {ranks(values, reference)}")
        print(f"| {value} | {len(rows)} | {share:.0%} | " + " | ".join(texts) + " |")


if __name__ == "__main__":
    app.run(main)
