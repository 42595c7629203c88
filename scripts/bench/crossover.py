"""What the crossover search saves against the full grid of sizes.

Searches a grid, then trains every cell of it, in two run directories, and compares the
answers and the lane-steps. Stopped, the same command goes on.

    python scripts/bench/crossover.py --grid sweeps/crossover_modular.py
"""

import math
import sys
import time
from pathlib import Path

from absl import flags

from jaxgrok.grid import grid_file
from jaxgrok.host import machine
from jaxgrok.results.run import open_run

machine.prepare()

from jaxgrok.crossover.search import Finding  # noqa: E402


def main(argv: list[str]) -> None:
    """Search, then train every cell, then read the crossovers of both."""
    values = flags.FlagValues()
    flags.DEFINE_string("out", "runs/bench_crossover", "folder", flag_values=values)
    config, _ = grid_file.parse(values, argv)
    out = Path(values.out)
    from jaxgrok.crossover import find as crossover
    from jaxgrok.crossover import report
    from jaxgrok.sweep import run

    config = crossover.of_one_size(config)  # the same padding for both
    began = time.perf_counter()
    found = crossover.find(config, out / "search")
    between = time.perf_counter()
    run.run(config, out / "grid")
    ended = time.perf_counter()
    everything = crossover.read(out / "grid")
    for one, other in zip(found, everything, strict=True):
        print(f"search: {report.words(one)}")
        print(f"grid:   {report.words(other)}")
    rows = [open_run(out / name).rows() for name in ("search", "grid")]
    made = [sum(one.lane_steps for one in of_one) for of_one in (found, everything)]
    print(
        f"trainings {len(rows[0])} against {len(rows[1])}; lane-steps {made[0]:,} "
        f"against {made[1]:,}: {made[0] / made[1]:.3f}; "
        f"{sum(one.stopped for one in found)} stopped early, sparing up to "
        f"{sum(one.saved for one in found):,}; seconds of this call "
        f"{between - began:.0f} and {ended - between:.0f}"
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
    main(sys.argv)
