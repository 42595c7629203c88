"""Is there a circuit? Rules for the verdict, compared on networks that we trained.

Trains x + y (also x - y, x * y and random tables) mod 23 to 113 with and without weight
decay, as transformers, attention-only and MLPs; reads every network at its end, and a
third of them untrained; and counts for each rule the circuits that it misses and those
that it makes up.

    python scripts/checks/circuit_verdict.py --out runs/circuit_verdict

What a network is does not come from its spectra: *grokked* with a test accuracy of 90%,
*memorised* with 90% of the train pairs, at most half of the test pairs and a tenth of
those that it has seen in neither order, *random* by its task, *untrained* at
step 0; the rest is *between* and counts for no rule. Training takes about an hour on
two busy cores and goes on where it was; a second call only reads. The tables are those
of docs/circuit.md.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxgrok.host.machine import prepare

prepare()

import jaxgrok  # noqa: E402  # after `prepare`
from jaxgrok import grid  # noqa: E402
from jaxgrok.circuits.circuit import Circuit, circuit  # noqa: E402
from jaxgrok.circuits.network import Network, read  # noqa: E402
from jaxgrok.fourier.basis import gini  # noqa: E402
from jaxgrok.fourier.key_frequencies import frequency_norms  # noqa: E402
from jaxgrok.results.run_cell import RunCell  # noqa: E402

BOTH = {"weight_decay": (0.0, 1.0), "train_fraction": (0.3, 0.9)}
MILD = {"weight_decay": (0.0, 0.3), "train_fraction": (0.3, 0.9)}
LARGE = {"train_fraction": (0.3, 0.6)}
GROKS = {"weight_decay": (1.0,), "train_fraction": (0.9,)}
RANDOM = {"operation": "random", "weight_decay": (0.0, 1.0), "train_fraction": (0.9,)}
ATTENTION = {"attention_only": True, "d_model": 64, "d_head": 16}
WIDE = {"d_model": 64, "d_head": 16, "d_mlp": 256}
MLP = {"model": "mlp", "d_mlp": 256, "learning_rate": (1e-3,)}
THREE = {"weight_decay": (0.0, 0.3, 1.0)}
TRAININGS: dict[str, tuple[int, int, int, dict[str, Any]]] = {
    "transformer-23": (23, 3_000, 6, BOTH),
    "transformer-31": (31, 3_000, 6, BOTH),
    "attention-31": (31, 3_000, 3, ATTENTION | BOTH | THREE),
    "mlp-31": (31, 5_000, 4, MLP | MILD),
    "random-31": (31, 3_000, 4, RANDOM),
    "transformer-43": (43, 3_000, 6, BOTH),
    "mlp-43": (43, 5_000, 4, MLP | MILD | {"activation": "gelu"}),
    "x-y-43": (43, 3_000, 4, {"operation": "x-y"} | GROKS),
    "x*y-43": (43, 3_000, 4, {"operation": "x*y"} | GROKS),
    "layer_norm-43": (43, 2_000, 3, MILD | {"layer_norm": True}),
    "random-attention-31": (31, 3_000, 3, ATTENTION | RANDOM),
    "random-mlp-31": (31, 3_000, 3, MLP | RANDOM),
    "transformer-59": (59, 3_000, 4, BOTH),
    "attention-59": (59, 3_000, 3, ATTENTION | MILD),
    "mlp-59": (59, 5_000, 3, MLP | MILD),
    "random-59": (59, 3_000, 4, RANDOM),
    "transformer-113": (113, 1_500, 1, WIDE | BOTH | LARGE),
    "attention-113": (113, 1_500, 1, ATTENTION | {"weight_decay": (0.3,)} | LARGE),
    "mlp-113": (113, 2_000, 1, MLP | {"weight_decay": (0.3,)} | LARGE),
    "random-113": (113, 500, 1, RANDOM | {"train_fraction": (0.6,)}),
}
"""Name → modulus, steps, seeds, and what else differs from the laptop preset."""
RULES = (
    ("Gini of component norms", "gini", 0.4),
    ("Gini of component norms", "gini", 0.22),
    ("Gini of squared frequency norms", "squared_gini", 0.35),
    ("3 strongest frequencies", "three", 0.5),
    ("neurons of one frequency", "neurons", 0.05),
    ("logits: Gini of v_k²", "logit_gini", 0.78),
    ("logits: 5 strongest cosines", "five_cosines", 0.16),
    ("logits: all cosines", "cosine_share", 0.3),
    ("logits: the answer alone", "answer_share", 0.35),
)
"""Rule, the number that it looks at, and from where on there is a circuit: where errors
are fewest, but in the first."""


def main() -> None:
    """Train what is missing, read every network, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/circuit_verdict"))
    parser.add_argument("--only", help="names of trainings, as mlp-31,random-31")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else TRAININGS
    frames = []
    for name in names:
        start = time.perf_counter()
        run_dir = options.out / name
        jaxgrok.run(config_of(*TRAININGS[name]), out=run_dir, quiet=True)
        frames.append(networks(run_dir).assign(training=name))
        seconds = time.perf_counter() - start
        print(f"{name}: {len(frames[-1])} networks, {seconds:.0f} s", flush=True)
    table = pd.concat(frames, ignore_index=True)
    table["kind"] = [kind(row) for _, row in table.iterrows()]
    table.to_csv(options.out / "networks.csv", index=False)
    print(f"\n{errors(table)}\n\n{ranges(table)}")


def config_of(modulus: int, steps: int, seeds: int, fields: dict[str, Any]) -> Any:
    """Return the grid of one training."""
    config = grid.base("laptop")
    config.update(modulus=modulus, steps=(steps,), seed=tuple(range(seeds)))
    config.update(steps_past_grok=500, snapshots="all", snapshot_every=500)
    config.snapshot_early_until = 0
    for name, value in fields.items():
        config[name] = value
    return config


def networks(run_dir: Path) -> pd.DataFrame:
    """Read every network of a run at its end, and every third at step 0."""
    cache = run_dir / "networks.csv"
    if cache.exists():
        return pd.read_csv(cache)
    run, rows = jaxgrok.open(run_dir), []
    for index in range(len(run)):
        cell = run.cell(index)
        steps = [cell.steps()[-1], *([0] if index % 3 == 0 else [])]
        rows += [numbers(cell, step) for step in steps]
    table = pd.DataFrame(rows)
    table.to_csv(cache, index=False)
    return table


def numbers(cell: RunCell, step: int) -> dict[str, Any]:
    """Read one network: what it is, and what each rule looks at."""
    task = cell.task
    is_random = task.operation == "random"
    if is_random:
        # A random table has no reading: it is read as x + y, as one from elsewhere is.
        task = dataclasses.replace(task, operation="x+y")
    network = read(task, cell.model, cell.params(step), cell.is_train())
    learned = circuit(network)
    facts = {"cell": cell.index, "step": step, "is_random": is_random} | cell.axes
    return facts | _answers(network, learned) | _numbers(network, learned)


def _answers(network: Network, learned: Circuit) -> dict[str, float]:
    """Return the shares of right answers that tell what a network is."""
    train = network.is_train
    # A network that is symmetric in x and y knows (y, x) once it has learned (x, y).
    seen = train | train.T if network.sign == 1 else train
    hits = network.logits.argmax(2) == network.labels
    return {
        "train_accuracy": learned.train_accuracy,
        "test_accuracy": learned.test_accuracy,
        "unseen_accuracy": float(hits[~seen].mean()),
    }


def kind(row: pd.Series) -> str:
    """Tell what a network is from what it answers."""
    if row.step == 0:
        return "untrained"
    if row.is_random:
        return "random"
    if row.test_accuracy >= 0.9:
        return "grokked"
    if row.train_accuracy >= 0.9 and row.test_accuracy <= 0.5:
        return "memorised" if row.unseen_accuracy <= 0.1 else "between"
    return "between"


def _numbers(network: Network, learned: Circuit) -> dict[str, float]:
    """Return what the rules look at."""
    norms = learned.W_E_norms if learned.W_L_norms is None else learned.W_L_norms
    energy = np.sort(frequency_norms(norms) ** 2)[::-1]
    cosines = np.sort(learned.cos_coefficients**2)[::-1]
    centred = network.logits - network.logits.mean((0, 1))
    share = float(cosines.sum() / np.square(centred).sum())
    return {
        "gini": float(gini(norms)),
        "squared_gini": float(gini(energy)),
        "three": float(energy[:3].sum() / energy.sum()),
        "neurons": learned.neuron_share,
        "accuracy": learned.all_accuracy,
        "logit_gini": float(gini(cosines)),
        "five_cosines": float(share * cosines[:5].sum() / cosines.sum()),
        "answer_share": learned.answer_share,
        "cosine_share": share,
        "key_in_logits": int((cosines > cosines[0] / 16).sum()),
        "frequencies": len(cosines),
    }


def _family(training: str) -> str:
    """Return the family of models that a training belongs to."""
    for family in ("attention", "mlp"):
        if family in training:
            return family
    return "transformer"


def groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Cut the networks into the columns of the tables; the first CIRCUITS grokked."""
    family = table.training.map(_family)
    grokked = table.kind == "grokked"
    decay = table.weight_decay > 0
    masks: dict[str, pd.Series] = {
        "decay": grokked & decay & (family == "transformer"),
        "no decay": grokked & ~decay & (family == "transformer"),
        "attention": grokked & (family == "attention"),
        "MLP": grokked & (family == "mlp"),
    }
    for kind in ("memorised", "random", "untrained", "between"):
        masks[kind] = table.kind == kind
    return {name: table[mask] for name, mask in masks.items()}


CIRCUITS = 4
"""Columns of networks that have a circuit."""


def errors(table: pd.DataFrame) -> str:
    """Count the errors of every rule: circuits missed, and circuits made up.

    Of the networks in between, those that are said to have a circuit.
    """
    columns = groups(table)
    lines = [_row("rule", *columns, "errors")]
    lines.append(_row(*["---"] * (len(columns) + 2)))
    sizes = [str(len(rows)) for rows in columns.values()]
    lines.append(_row("networks", *sizes, ""))
    for rule, number, threshold in RULES:
        counts = []
        for column, rows in enumerate(columns.values()):
            # A network without neurons has no share of them: NaN calls no circuit.
            called = int((rows[number] >= threshold).sum())
            counts.append(len(rows) - called if column < CIRCUITS else called)
        total = sum(counts[:-1])
        lines.append(_row(f"{rule} ≥ {threshold}", *map(str, counts), str(total)))
    return "\n".join(lines)


def ranges(table: pd.DataFrame) -> str:
    """Give the smallest and the largest value of every rule's number."""
    columns = groups(table)
    lines = [_row("number", *columns)]
    lines.append(_row(*["---"] * (len(columns) + 1)))
    for number in dict.fromkeys(number for _, number, _ in RULES):
        cells = []
        for rows in columns.values():
            span = f"{rows[number].min():.2f}–{rows[number].max():.2f}"
            cells.append(span.replace("0.", "."))
        lines.append(_row(number, *cells))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
