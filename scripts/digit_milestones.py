"""In which order are the digits learned? When the test loss of each passes 1.

    python scripts/digit_milestones.py runs/digits_online-laptop

Prints a table, seeds across, and each seed's order of the digits. The steps are those
of evaluations.
"""

import numpy as np
from absl import app

import jaxgrok


def steps_below(dataset, level: float = 1.0) -> np.ndarray:
    """First step at which each component's test loss is below `level`: [cells, digits].

    NaN where it never is.
    """
    dims = (*dataset["phase"].dims, "component", "step")
    loss = dataset.component_test_loss.transpose(*dims).values
    loss = loss.reshape(-1, *loss.shape[-2:])
    below = loss < level
    first = dataset.step.values[below.argmax(-1)].astype(float)
    return np.where(below.any(-1), first, np.nan)


def main(argv: list[str]) -> None:
    if len(argv) != 2:
        raise app.UsageError("name one run directory")
    dataset = jaxgrok.load(argv[1])
    steps = steps_below(dataset)
    names = dataset.component.values.tolist()
    cells = range(len(steps))
    print("| test loss < 1 at step | " + " | ".join(f"seed {i}" for i in cells) + " |")
    print("|---" * (len(steps) + 1) + "|")
    for i, name in enumerate(names):
        texts = ["–" if np.isnan(s[i]) else f"{s[i]:,.0f}" for s in steps]
        print(f"| {name} | " + " | ".join(texts) + " |")
    orders = [" ".join(str(i) for i in np.argsort(row, kind="stable")) for row in steps]
    print("| order | " + " | ".join(orders) + " |")


if __name__ == "__main__":
    app.run(main)
