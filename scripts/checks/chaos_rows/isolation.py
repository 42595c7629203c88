"""Cells beside others: no bit depends on neighbours, place, order or company.

First in engines, by schedules that are drawn, with numbers that no grid may have; then
as sweeps of random grids. Tasks, losses, optimisers and measures of a user's own are
among them, which write NaN and inf.
"""

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chaos_rows.job import Job


class Size(NamedTuple):
    """How much is done of each kind."""

    kinds: Mapping[str, Mapping[str, Any]]
    widths: Sequence[int]
    blocks: Sequence[int]
    cells: int
    schedules: int
    grids: int


DRAWN = {"model": "transformer", "train_fraction": (), "n_train": (24,)}
PLAIN: Mapping[str, Mapping[str, Any]] = {
    "adamw": {},
    "minibatches, momentum": {"optimiser": "sgd", "momentum": (0.9,), "batch_size": 8},
    "muon": {"optimiser": "muon"},
    "mlp": {"model": "mlp"},
    "lion, digits": {"optimiser": "lion", "task": "digits", "digits": 2},
}


def run(job: Job) -> None:
    prepare(quick=job.quick)
    from chaos_rows import isolation_methods
    from chaos_rows.kept_engines import Engines

    isolation_methods.register()
    own = {"own methods": isolation_methods.OWN}
    size = Size(own, (2,), (1,), 10, 8, 2)
    if not job.quick:
        size = Size(own | PLAIN, (2, 3), (1, 2, 3), 80, 200, 40)
    engines, chance = Engines(), job.random()
    schedules(job, size, engines, chance)
    sweeps(job, size, engines, chance)


def prepare(*, quick: bool) -> None:
    """Set JAX up: as users have it, or, in a hurry, with one device."""
    if quick:
        os.environ["JAX_NUM_CPU_DEVICES"] = "1"
    import jaxgrok

    jaxgrok.prepare()


def schedules(job: Job, size: Size, engines: Any, chance: random.Random) -> None:
    """Compare the cells of drawn schedules with each alone."""
    import tiny
    from chaos_rows.isolation_schedules import Schedule, looks_diverged, numbers
    from jaxgrok.training.setup import lane_of

    faults: list[str] = []
    liars: list[str] = []
    counts = dict.fromkeys(("cells", "diverged", "cut", "schedules"), 0)
    for kind, fields in size.kinds.items():
        group = tiny.group(**DRAWN | dict(fields))
        drawn = [numbers(chance, group.cells[0].lane) for _ in range(size.cells)]
        for width in size.widths:
            ready = [engines.get(group.setup, width, blocks) for blocks in size.blocks]
            lanes = {f"{n}": lane_of(group.setup, **d) for n, d in enumerate(drawn)}
            alone = {}
            for name, lane in lanes.items():
                alone |= Schedule(ready[:1], {name: lane}).trainings
                if looks_diverged(ready[0], alone[name]) != alone[name].diverged:
                    liars.append(f"{kind}: {drawn[int(name)]}")
            for _ in range(size.schedules // len(size.widths)):
                names = chance.sample(sorted(lanes), chance.randint(2, 8))
                played = Schedule(ready, {n: lanes[n] for n in names}, chance)
                counts["schedules"] += 1
                for name, training in played.trainings.items():
                    counts["cells"] += 1
                    counts["cut"] += training.is_cut
                    counts["diverged"] += alone[name].diverged
                    if fault := training.records and training.differs(alone[name]):
                        faults.append(
                            f"{kind}, width {width}, {drawn[int(name)]}: {fault}"
                        )
        job.say(kinds=len(size.kinds), **counts)
    job.check(
        "the bits of a cell in an engine are those of it alone",
        not faults,
        f"{counts} {faults[:3] or ''}",
    )
    job.check(
        "a cell says that it diverged if and only if a training loss was not finite",
        not liars,
        f"{size.cells} cells of each kind {liars[:3] or ''}",
    )


def sweeps(job: Job, size: Size, engines: Any, chance: random.Random) -> None:
    """Compare the cells of random grids with sweeps of each alone."""
    from chaos_rows.isolation_sweeps import Sweeps

    faults: list[str] = []
    kinds = []
    for number, (kind, fields) in enumerate(size.kinds.items()):
        folder = job.work / f"kind-{number}"
        kinds.append(Sweeps(folder, fields, engines))
        for grid in range(size.grids):
            found = kinds[-1].faults(grid, chance, max(size.blocks))
            faults += [f"{kind}: {fault}" for fault in found]
            if grid % 10 == 9:
                job.say(grids=number * size.grids + grid + 1)
    names = ("cells", "diverged", "finals", "interrupted", "failed_callbacks")
    totals = {name: sum(getattr(kind, name) for kind in kinds) for name in names}
    job.check(
        "a cell of a sweep has curves, outcome and last state of a sweep of it alone",
        not faults,
        f"{len(kinds) * size.grids} grids, {totals} {faults[:3] or ''}",
    )
