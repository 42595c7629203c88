"""What the crossover search saves against the full grid of sizes.

Searches a grid, then trains every cell of it, in two run directories, and compares the
answers and the lane-steps. Stopped, the same command goes on.

    python scripts/bench/crossover.py --grid sweeps/crossover_modular.py
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from jaxgrok.grid import overrides
from jaxgrok.host import command_line

if TYPE_CHECKING:
    from jaxgrok.crossover.verdict import Finding


def main(argv: list[str]) -> int:
    """Search, then train every cell, then read the crossovers of both."""
    values = flags.FlagValues()
    flags.DEFINE_string("out", "runs/bench_crossover", "folder", flag_values=values)
    config, _ = overrides.parse(values, argv)
    out = Path(values.out)
    from jaxgrok.crossover import find, report
    from jaxgrok.results.run import open_run
    from jaxgrok.sweep import run

    config = find.padded_to_largest(config)  # the same padding for both
    times = [time.perf_counter()]
    searched = find.find(config, out / "search")
    times.append(time.perf_counter())
    run.run(config, out / "grid")
    times.append(time.perf_counter())
    complete = find.read(out / "grid")
    tables = report.table(searched), report.table(complete)
    for row, other in zip(*tables, strict=True):
        print(f"search: {report.line(row)}")
        print(f"grid:   {report.line(other)}")
    trainings = [len(open_run(out / name).rows()) for name in ("search", "grid")]
    lane_steps = [sum(one.lane_steps for one in some) for some in (searched, complete)]
    print(
        f"trainings {trainings[0]} against {trainings[1]}; lane-steps "
        f"{lane_steps[0]:,} against {lane_steps[1]:,}: "
        f"{lane_steps[0] / lane_steps[1]:.3f}; "
        f"{sum(one.stopped for one in searched)} stopped early, sparing up to "
        f"{sum(one.saved for one in searched):,}; seconds of this call "
        f"{times[1] - times[0]:.0f} and {times[2] - times[1]:.0f}"
    )
    assert all(_agree(*pair) for pair in zip(searched, complete, strict=True))
    return 0


def _agree(one: Finding, other: Finding) -> bool:
    """Return whether outcomes agree, and each estimate lies in both intervals."""
    if one.outcome != other.outcome or one.estimate is None or other.estimate is None:
        return one.outcome == other.outcome
    return _covers(one, other.estimate) and _covers(other, one.estimate)


def _covers(finding: Finding, estimate: float) -> bool:
    """Return whether an estimate lies in a finding's interval."""
    return (finding.low or 0) <= estimate <= (finding.high or math.inf)


if __name__ == "__main__":
    sys.exit(command_line.run(sys.argv, __doc__, main))
