"""Describe circuits in lines of text, as the command prints them.

>>> print(describe(read_circuit("runs/mainline-post", "seed=0")))
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jaxgrok.host.terminal import number

if TYPE_CHECKING:
    from jaxgrok.analyse.circuits import Report
    from jaxgrok.analyse.survey import CircuitRow


def describe(report: "Report") -> str:
    """Describe a circuit in a few lines."""
    circuit = report.circuit
    sizes = {k: len(neurons) for k, neurons in circuit.clusters.items()}
    clusters = ", ".join(f"{k}: {size}" for k, size in sizes.items())
    keys = ", ".join(map(str, circuit.key_frequencies))
    accuracies = {
        "train": circuit.train_accuracy,
        "test": circuit.test_accuracy,
        "all": circuit.all_accuracy,
    }
    losses = {
        "train": circuit.train_loss,
        "test": circuit.test_loss,
        "all": circuit.all_loss,
        "trig": circuit.trig_loss["all"],
        "excluded": circuit.excluded_loss_2d_full,
        "cosines alone": circuit.cos_approximation_loss,
    }
    lines = [
        circuit.verdict,
        *([report.warning] if report.warning else []),
        f"key frequencies ({circuit.key_rule}): {keys or 'none'}",
        f"neurons in clusters: {clusters or 'none'}",
        f"right: {_listed(accuracies, '.1%')}",
        f"losses: {_listed(losses, '.3g')}",
    ]
    if report.skipped:
        lines.append(f"{number(report.skipped, 'snapshot')} not finite, left out")
    for name, span in (report.stages or {}).items():
        if span:
            lines.append(f"{name.replace('_', '-')}: steps {span[0]:,} to {span[1]:,}")
    return "\n".join(lines)


def _listed(numbers: Mapping[str, float], form: str) -> str:
    """List numbers by name, without those that are unknown."""
    # NaN is unknown: without a split, there is no train loss.
    known = {name: value for name, value in numbers.items() if math.isfinite(value)}
    return ", ".join(f"{name} {value:{form}}" for name, value in known.items())


def summary(rows: Sequence["CircuitRow"]) -> str:
    """Describe every circuit in a line."""
    lines = []
    for row in rows:
        facts = [row.phase or "unfinished"]
        if row.has_circuit is None:
            facts.append("not finite: not read")
        else:
            facts.append("circuit" if row.has_circuit else "no circuit")
            facts.append(f"{row.all_accuracy:.1%} right")
        if row.key_frequencies:
            facts.append(" ".join(map(str, row.key_frequencies)))
        lines.append(f"cell {row.cell}: {' · '.join(facts)}")
    return "\n".join(lines)
