"""Sweeps whose workers and coordinators are killed, and end as if nothing had happened.

    python scripts/checks/fleet.py                    # 35 minutes on two cores
    python scripts/checks/fleet.py --quick            # 10 minutes
    python scripts/checks/fleet.py --only storms,full_disk

Real processes on this machine's loopback, tiny networks, Linux alone. Storms: at random
moments of short sweeps, with and without snapshots, workers are killed (SIGKILL), asked
to stop (SIGTERM) or frozen (SIGSTOP) for longer than a coordinator waits, and the
coordinator is killed and started again with another number of workers. Scenes: one
fault each; those of a network that is cut need root and the command ip, and are skipped
without. After each of them tables, curves and snapshots have the bytes of the same
sweep in one process, and nothing is left running. For a search: all trainings that both
made, and its budget. Exit code 0 if all is so; 1 if not, and DIR keeps what went wrong.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fleet_scenes import network, storms
from fleet_scenes.comparison import differences, disagreements
from fleet_scenes.processes import Hang, Skip, Stage
from fleet_scenes.scenes import SCENES
from fleet_scenes.storms import Storm

BUDGET = 16_000
"""Lane-steps of a search."""


class Plan(NamedTuple):
    """How much is played.

    Attributes:
        storms: sweeps whose workers and coordinators are killed.
        workers: kills of a worker in each.
        coordinators: kills of the coordinator in each.
        others: sweeps of --workers N, and searches.
    """

    storms: int = 14
    workers: int = 8
    coordinators: int = 3
    others: int = 4


QUICK = Plan(1, 2, 1, 1)
ACTS = ("storms", "children", "search", *(scene.__name__ for scene in SCENES))


class Check:
    """All scenes of one call, and what came of them.

    Args:
        out: where the run directories go.
        seed: of all that is random.
    """

    def __init__(self, out: Path, seed: int) -> None:
        self.out, self.chance = out, random.Random(seed)
        self.made: Counter[str] = Counter()
        self.faults: list[str] = []
        self._references: dict[str, Path] = {}

    def play(
        self,
        name: str,
        scale: str,
        act: Callable[[Stage], object],
        program: str = "sweep",
    ) -> None:
        """Play a scene, and compare what it leaves with one process's."""
        reference, start = self._reference(scale, program), time.monotonic()
        compare = differences if program == "sweep" else disagreements
        with Stage(self.out / name, scale, program) as stage:
            try:
                act(stage)
                faults = compare(stage.run_dir, reference)
                if left := stage.running():
                    faults.append(f"processes {left} are left")
            except Skip as reason:
                print(f"{name} ({scale}): skipped: {reason}", flush=True)
                return
            except (Hang, OSError, ValueError) as error:
                faults = [str(error)]
        seconds = time.monotonic() - start
        print(
            f"{name} ({scale}): {'; '.join(faults) or 'equal'}, {seconds:.0f} s",
            flush=True,
        )
        self.faults += [f"{name}: {fault}" for fault in faults]
        if not faults:
            shutil.rmtree(stage.folder)

    def storm(self, name: str, scale: str, storm: Storm) -> None:
        """Sweep while it storms."""
        self.play(name, scale, lambda stage: storms.blow(stage, storm, self.chance))
        self.made += storm.made

    def children(self, name: str, scale: str, storm: Storm) -> None:
        """Sweep with processes that the coordinator starts, and that are killed."""
        self.play(
            name, scale, lambda stage: storms.kill_children(stage, storm, self.chance)
        )
        self.made += storm.made

    def search(self, name: str, storm: Storm) -> None:
        """Search while it storms."""
        words = [f"--budget={BUDGET}", "--width=4"]

        def act(stage: Stage) -> None:
            storms.blow(stage, storm, self.chance, *words)
            steps = _steps(stage.run_dir)
            if steps > BUDGET:
                raise Hang(f"{steps} lane-steps are more than its budget of {BUDGET}")

        self.play(name, "search", act, "crossover")
        self.made += storm.made

    def _reference(self, scale: str, program: str) -> Path:
        """Return what one process makes of a grid, at the first call."""
        if scale not in self._references:
            with Stage(self.out / f"reference-{scale}", scale, program) as stage:
                more = [] if program == "sweep" else [f"--budget={BUDGET}", "--width=4"]
                if code := stage.coordinate("local", *more).wait():
                    raise Hang(f"{stage.folder}: exit {code}")
            self._references[scale] = stage.run_dir
        return self._references[scale]


def _steps(run_dir: Path) -> int:
    """Return the steps of all trainings of a search."""
    from jaxgrok.results.run import open_run

    return sum(int(row["steps"]) for row in open_run(run_dir).rows())


def _run(check: Check, plan: Plan, only: set[str]) -> None:
    """Play what was asked for; everything by default."""

    def scale_of(number: int, *scales: str) -> str:
        return "quick" if plan is QUICK else scales[number % len(scales)]

    if "storms" in only:
        for number in range(plan.storms):
            scale = scale_of(number, "snapshots", "laptop", "components")
            # Every other one also has workers that hand over, and that sleep.
            others = () if number % 2 or plan is QUICK else ("term", "stop")
            storm = Storm(plan.workers, plan.coordinators, others)
            check.storm(f"storm-{number}", scale, storm)
    for number in range(plan.others):
        if "children" in only:
            scale = scale_of(number, "laptop", "snapshots")
            check.children(f"children-{number}", scale, Storm(plan.workers // 2, 1))
        if "search" in only:
            check.search(f"search-{number}", Storm(plan.workers // 2, 1))
    for number, scene in enumerate(SCENES):
        if scene.__name__ in only:
            is_long = scene in network.SCENES
            scale = "long" if is_long else scale_of(number, "laptop", "snapshots")
            check.play(scene.__name__, scale, scene)


def main() -> int:
    """Parse, play, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(ACTS), help="some of the default")
    parser.add_argument(
        "--out", type=Path, help="kept; by default a folder that is not"
    )
    parser.add_argument("--seed", type=int, default=0)
    values = parser.parse_args()
    only = set(values.only.split(","))
    if unknown := only - set(ACTS):
        parser.error(f"--only={unknown.pop()} must be among {', '.join(ACTS)}")
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        out = values.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        check = Check(out, values.seed)
        _run(check, QUICK if values.quick else Plan(), only)
    counts = ", ".join(
        f"{count} × {name}" for name, count in sorted(check.made.items())
    )
    print(f"killed, asked to stop or frozen: {counts}")
    print(f"{len(check.faults)} faults")
    return 1 if check.faults else 0


if __name__ == "__main__":
    sys.exit(main())
