"""How busy does one coordinator keep a large fleet, and what does that cost it?

    python scripts/bench/scale.py --workers=1,8,64 --cells=10000,100000 --hours=0,4,1
    python scripts/bench/scale.py --workers=64 --cells=100000 --restart

Nothing is trained, and time is virtual. Coordinator, queue, ledger, messages and run
directory are those of a sweep; the CPU time that they take is counted and passes on the
clock. Workers answer when their seats would have trained so long (crowd.py; the sweep
is laid out in scale_run.py). Ten groups, in families whose lengths have a heavy
tail; 20 s to compile a program for the first time, 2 s to load it. Each configuration
runs in a process of its own, so that its peak of memory is its own. docs/scale.md has
the table.
"""

import contextlib
import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from absl import app, flags

from jaxgrok.host import machine

machine.prepare()

from crowd_seat import Machines  # noqa: E402
from scale_run import NOTHING, measure  # noqa: E402

WORKERS = flags.DEFINE_list("workers", ["8"], "numbers of workers")
CELLS = flags.DEFINE_list("cells", ["10000"], "sizes of sweeps")
HOURS = flags.DEFINE_list("hours", ["0"], "after which a worker is lost; 0: never")
LANES = flags.DEFINE_integer("lanes", 128, "lanes of a seat")
SEATS = flags.DEFINE_integer("seats", 8, "devices of a worker")
STEP = flags.DEFINE_float("step_ms", 13.8, "of a step of a seat; 13.8: H200, p = 113")
RESTART = flags.DEFINE_bool("restart", False, "a new coordinator half-way")
PROFILE = flags.DEFINE_bool("profile", False, "tell where the coordinator's time goes")
DRAW = flags.DEFINE_bool("draw", False, "draw figures, which takes long here")
FIGURE = flags.DEFINE_string("figure", None, "draw the lines of --out, run nothing")
OUT = flags.DEFINE_string("out", None, "a file for one line of JSON a configuration")


@contextlib.contextmanager
def profiled() -> Iterator[None]:
    """Print where time goes; that of the workers is in it, below `next` and `send`."""
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        yield
    profile.create_stats()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def here(workers: int, cells: int, hours: float) -> dict[str, Any]:
    """Run one configuration in this process."""
    life = hours * 3600 or math.inf
    machines = Machines(workers, SEATS.value, LANES.value, STEP.value / 1e3, life)
    around = profiled if PROFILE.value else NOTHING
    return measure(
        machines, cells, restart=RESTART.value, draws=DRAW.value, around=around
    )


def elsewhere(workers: str, cells: str, hours: str) -> dict[str, Any]:
    """Run one configuration in a process of its own."""
    own = [f"--workers={workers}", f"--cells={cells}", f"--hours={hours}"]
    shared = [f"--lanes={LANES.value}", f"--seats={SEATS.value}"]
    shared += [f"--step_ms={STEP.value}", f"--restart={RESTART.value}"]
    shared += [f"--draw={DRAW.value}"]
    command = [sys.executable, __file__, *own, *shared]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def words(row: dict[str, Any]) -> str:
    """Write a configuration in one line of the table of docs/scale.md."""
    lost = f"{row['hours']:g} h" if row["hours"] else "never"
    devices, lanes = (
        " / ".join(f"{row[f'{what}_{when}']:.1%}" for when in ("all", "mostly"))
        for what in ("devices", "lanes")
    )
    return (
        f"| {row['workers']} | {row['cells']:,} | {row['cells_a_lane']:.0f} | {lost} | "
        f"{devices} | {lanes} | {row['lost']:.1%} | "
        f"{row['wall_s'] / 3600:.2f} h | {row['core']:.1%} | {row['jobs']:.2%} | "
        f"{row['ms_a_cell']:.2f} | "
        f"{row['peak_gb']:.1f} GB | {row['disk_mb']:,.0f} MB |"
    )


def draw(rows: list[dict[str, Any]], file: str) -> None:
    """Draw how busy devices and lanes were in each configuration."""
    from matplotlib.figure import Figure

    names = []
    for row in rows:
        lost = f"lost every {row['hours']:g} h" if row["hours"] else "none lost"
        restart = ", a restart" if row["restart"] else ""
        fleet = f"{row['workers']} × {row['seats']} × {row['lanes']} lanes"
        names.append(f"{fleet}, {row['cells']:,} cells\n{lost}{restart}")
    figure = Figure(figsize=(8, 0.6 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    for offset, what in ((-0.2, "devices"), (0.2, "lanes")):
        places = [number + offset for number in range(len(rows))]
        shares = [100 * row[f"{what}_mostly"] for row in rows]
        bars = axes.barh(places, shares, height=0.38, label=f"{what} busy")
        axes.bar_label(bars, fmt="%.1f", padding=2)
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 112)
    axes.set_xlabel("% of the time until 98% of the cells have ended")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.06), ncols=2, frameon=False)
    figure.savefig(file, dpi=120)


def main(_: list[str]) -> None:
    if FIGURE.value:
        with open(OUT.value) as file:
            return draw([json.loads(line) for line in file], FIGURE.value)
    configurations = list(itertools.product(WORKERS.value, CELLS.value, HOURS.value))
    for workers, cells, hours in configurations:
        if len(configurations) == 1:
            row = here(int(workers), int(cells), float(hours))
        else:
            row = elsewhere(workers, cells, hours)
        print(words(row), flush=True)
        print(json.dumps(row), flush=True)
        if OUT.value:
            with open(OUT.value, "a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    app.run(main)
