"""What the crossover search saves against the full grid of sizes.

Runs both for the same grid, in two run directories, and compares the answers and the
lane-steps. Both can be stopped and started again.

    python scripts/bench_crossover.py [sweeps/crossover_modular.py[:SCALE]] [OUT]
"""

import math
import sys
import time
from pathlib import Path

from jaxgrok import environment, gridfile
from jaxgrok.search import Finding


def main() -> None:
    """Search, then train every cell, then read the crossovers of both."""
    file = sys.argv[1] if len(sys.argv) > 1 else "sweeps/crossover_modular.py"
    out = Path(sys.argv[2] if len(sys.argv) > 2 else "runs/bench_crossover")
    environment.prepare()
    from absl import flags

    from jaxgrok import crossover, runner, store

    config, _ = gridfile.parse(flags.FlagValues(), ["", "--grid", file])
    config = crossover.of_one_size(config)  # the same padding for both
    seconds = []
    for name in ("search", "grid"):
        began = time.perf_counter()
        if name == "search":
            found = crossover.find(config, out / name)
        else:
            runner.run(config, out / name)
            everything = crossover.read(out / name)
        seconds.append(time.perf_counter() - began)
    for one, other in zip(found, everything, strict=True):
        print(f"search: {crossover.words(one)}")
        print(f"grid:   {crossover.words(other)}")
    made = [sum(r["steps"] for r in store.cells(out / n)) for n in ("search", "grid")]
    cells = [len(store.cells(out / n)) for n in ("search", "grid")]
    stopped = sum(one.stopped for one in found)
    print(
        f"trainings {cells[0]} against {cells[1]}; lane-steps {made[0]:,} against "
        f"{made[1]:,}: {made[0] / made[1]:.3f}; {stopped} stopped early, at most "
        f"{sum(one.saved for one in found):,} lane-steps before their budgets; seconds "
        f"of this call {seconds[0]:.0f} and {seconds[1]:.0f}"
    )
    assert all(_meet(*pair) for pair in zip(found, everything, strict=True))


def _meet(one: Finding, other: Finding) -> bool:
    """Whether two findings agree: one outcome, each estimate in both intervals."""
    if one.outcome != other.outcome or one.estimate is None or other.estimate is None:
        return one.outcome == other.outcome
    return all(
        (a.low or 0) <= b.estimate <= (a.high or math.inf)
        for a, b in ((one, other), (other, one))
    )


if __name__ == "__main__":
    main()
