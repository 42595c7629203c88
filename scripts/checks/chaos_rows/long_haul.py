"""Ten thousand tiny cells with snapshots and measures, killed twice on the way.

What the sweep costs at its end is what it cost behind the first tenth: memory,
descriptors, seconds a cell. Then it is opened, drawn as a page, and verified, each in a
process of its own that is timed.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from chaos_rows.haul_watch import Sample, Watch, count_files
from chaos_rows.job import Job

GRID = '''"""Tiny cells by the thousand: a row of scripts/checks/chaos.py."""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base("laptop")
    config.update(modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16)
    config.update(train_fraction=(0.5,), steps=(STEPS,), eval_every=10, block_width=16)
    config.update(snapshots=KEPT, snapshot_every=20, snapshot_early_until=0)
    config.update(model=MODEL, measures=MEASURES, weight_decay=(0.0, 0.5, 1.0, 2.0))
    config.seed = tuple(range(SEEDS))
    return config
'''
SWEEP = """
import sys
from jaxgrok.fleet import chores
if OFTEN:
    often = chores.Period(0.2, 2.0)
    chores.PERIODS |= dict.fromkeys(("status", "flush", "tables"), often)
from jaxgrok.sweep.__main__ import main
sys.exit(main(["jaxgrok sweep", *sys.argv[1:]]))
"""
READ = """
import contextlib, io, json, sys, time
seconds = {}
def timed(name, job):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()) as words:
        value = job()
    seconds[name] = round(time.perf_counter() - start, 2)
    return value, words.getvalue()
def imported():
    import jaxgrok.report.data, jaxgrok.results.run
import jaxgrok
from jaxgrok.__main__ import COMMANDS, main
path = sys.argv[1]
timed("imports", imported)
run, _ = timed("open", lambda: jaxgrok.open(path))
table, _ = timed("cells", run.cells)
timed("dataset", run.dataset)
steps, _ = timed("snapshots", run.snapshots.every)
codes = {}
for name in ("status", "report", "verify"):
    if name in COMMANDS:
        codes[name], _ = timed(name, lambda: main(["jaxgrok", name, path]))
counts = table.status.value_counts().to_dict()
snaps = sorted({len(found) for found in steps.values()})
answer = {"seconds": seconds, "codes": codes, "counts": counts, "kept": len(steps)}
print(json.dumps(answer | {"snaps": snaps}))
"""


class Form(NamedTuple):
    """How long a haul is.

    Attributes:
        seeds: of each of four weight decays.
        steps: of a cell.
        measures: that an evaluation records.
        kept: whose snapshots are kept.
        kills: behind these shares of the cells.
        tick: seconds between two looks.
        often: whether results are written every second.
        looks: that memory is the median of.
        growth: that memory may take, as a share.
        dearer: that the last cells may cost, as a multiple of those in the middle;
            None where there are too few to tell.
        reading: seconds that each way to read the run may take.
    """

    seeds: int
    steps: int
    measures: str
    kept: str
    kills: tuple[float, ...]
    tick: float
    often: bool
    looks: int
    growth: float
    dearer: float | None
    reading: float


WHOLE = Form(2_500, 40, "fourier", "all", (0.2, 0.4), 1.0, False, 20, 0.10, 1.2, 20.0)
QUICK = Form(40, 40, "none", "seed=0", (0.4,), 0.1, True, 3, 0.25, None, 10.0)
FLUSH = 10
"""Seconds between two writes of results, at least."""
FILES_A_FLUSH, FILES_BESIDE = 32, 60
"""Files that a write leaves at most (a shard of curves, one of last states, a tree of
snapshots with its description), and those of a run of one cell."""


def run(job: Job) -> None:
    """Train, kill twice, read."""
    form = QUICK if job.quick else WHOLE
    cells = 4 * form.seeds
    watch = train(job, form, cells)
    judge_memory(job, form, watch, cells)
    judge_cost(job, form, watch, cells)
    judge_files(job, form, watch)
    read(job, form, watch.run_dir, cells)


def train(job: Job, form: Form, cells: int) -> Watch:
    """Train all cells, with a kill behind some shares of them."""
    grid = job.work / "haul.py"
    text = GRID.replace("SEEDS", str(form.seeds)).replace("STEPS", str(form.steps))
    text = text.replace("KEPT", repr(form.kept))
    text = text.replace("MEASURES", repr(form.measures))
    text = text.replace("MODEL", repr("mlp" if job.quick else "transformer"))
    grid.write_text(text)
    watch = Watch(job.work / "run", form.tick)
    program = SWEEP.replace("OFTEN", str(form.often))
    command = [sys.executable, "-c", program, "--grid", str(grid)]
    command += ["--out", str(watch.run_dir)]
    codes = []
    # One device compiles half as much as two.
    environment = os.environ | ({"NPROC": "1"} if job.quick else {})
    with open(job.work / "sweep.txt", "wb") as log:
        for share in (*form.kills, None):
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            until = None if share is None else int(share * cells)
            codes.append(watch.follow(process, until))
            job.say(exit_codes=codes, cells=watch.samples[-1].cells)
    expected = [*(-9 for _ in form.kills), 0]
    job.check("killed, resumed, finished", codes == expected, str(codes))
    return watch


def judge_memory(job: Job, form: Form, watch: Watch, cells: int) -> None:
    """Compare memory and descriptors at the end with those behind the warm-up."""
    last, begun = len(form.kills), form.kills[-1]
    first = median(watch.of(0, 0.1 * cells)[: form.looks])
    own = median(watch.of(last, (begun + 0.1) * cells)[: form.looks])
    end = median(watch.of(last)[-form.looks :])
    job.say(mb_warm=first, mb_warm_of_the_last_process=own, mb_end=end)
    job.say(mb_peak=max(s.memory for s in watch.samples), mb_peak_behind=watch.later)
    for name, before in (("the first tenth", first), ("its own warm-up", own)):
        words = f"{before:.0f} to {end:.0f} MB, {end / before - 1:+.1%}"
        grown = end / before - 1
        job.check(f"memory stays, from {name} to the end", grown <= form.growth, words)
    looks = watch.of(last, (begun + 0.1) * cells)
    half = len(looks) // 2
    # One look may fall into a write, and another not.
    before, most = (
        max(look.descriptors for look in part) for part in (looks[:half], looks[half:])
    )
    words = f"at most {before} in the first half, {most} in the second"
    job.check("descriptors stay", most <= before + 8, words)


def median(looks: list[Sample]) -> float:
    """Return the median MB of some looks."""
    return round(statistics.median(look.memory for look in looks), 1)


def judge_cost(job: Job, form: Form, watch: Watch, cells: int) -> None:
    """Compare what a cell took at the end with what it took in the middle."""
    for clock in ("wall", "cpu"):
        tenths = watch.seconds_a_cell(clock, cells)
        job.say(**{f"ms_a_cell_{clock}": [round(1e3 * t, 1) for t in tenths]})
    if form.dearer is None:
        return
    # Of the processor: other work on the machine is none of the sweep's.
    middle, end = sum(tenths[5:7]) / 2, sum(tenths[8:]) / 2
    words = f"{1e3 * middle:.1f} ms in the middle, {1e3 * end:.1f} at the end"
    job.check("a cell costs the same", end <= form.dearer * middle, words)


def judge_files(job: Job, form: Form, watch: Watch) -> None:
    """Compare the number of files with the number of times that any were written."""
    files = count_files(watch.run_dir)
    seconds = watch.samples[-1].wall
    flushes = seconds / (0.2 if form.often else FLUSH) + 2 * (len(form.kills) + 1)
    most = FILES_BESIDE + FILES_A_FLUSH * flushes
    job.say(seconds_of_training=round(seconds), files=files)
    size = sum(file.stat().st_size for file in watch.run_dir.rglob("*"))
    job.say(mb_on_disk=round(size / 1e6, 1))
    job.check("files are bounded", files <= most, f"{files} of at most {most:.0f}")


def read(job: Job, form: Form, run_dir: Path, cells: int) -> None:
    """Open the run, draw its page, verify it: all whole, each in seconds."""
    command = [sys.executable, "-c", READ, str(run_dir)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(ran.stdout)
    job.say(seconds_of_reading=answer["seconds"])
    counts, kept, snaps = answer["counts"], answer["kept"], answer["snaps"]
    whole = counts == {"done": cells} and kept == (cells if form.kept == "all" else 4)
    whole = whole and snaps == [form.steps // 20 + 1]
    words = f"{counts}, {kept} with {snaps} snapshots"
    job.check("every cell has its result and its snapshots", whole, words)
    own = {k: v for k, v in answer["seconds"].items() if k != "imports"}
    slowest = max(own.values())
    job.check("it is read in seconds", slowest <= form.reading, f"{slowest} s at most")
    job.check(
        "commands succeed", not any(answer["codes"].values()), str(answer["codes"])
    )
