"""From a grid file's config to cells, and from cells to groups.

Owns what a cell is and what identifies it. Here, once, fractions become integer
`n_train`. Refuses anything it does not know, in one line that names the field, the
value and the way out. Reads no files.

    >>> config = base("laptop")
    >>> config.weight_decay = (0.1, 1.0)
    >>> grid = resolve(config)
"""

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import ml_collections

from jaxgrok.fields.checks import SCHEDULE, TRACED, article
from jaxgrok.grid import axes
from jaxgrok.grid.axes import Point
from jaxgrok.grid.cells import Cell, Grid, Group, label, settings_hash
from jaxgrok.grid.selector import matching
from jaxgrok.grid.setups import Program, program_of, refuse_missing, round_up
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.tasks import is_pool, title, universe


def resolve(config: Mapping[str, Any]) -> Grid:
    """Check a config and lay out its cells and groups.

    Raises ValueError, one line, for an unknown field, an axis that is not a tuple, a
    fraction outside (0, 1], more training examples than exist, and the like.
    """
    if not isinstance(config, ml_collections.ConfigDict):
        raise ValueError(
            f"the config is {article(config)}, not a ConfigDict; "
            "start from jaxgrok.grid.base(scale)"
        )
    values = config.to_dict()
    refuse_missing(values)
    points, dims = axes.combine(values)
    names = axes.names(points)
    programs: dict[str, Program] = {}
    members: dict[Any, list[Cell]] = {}
    cells = []
    for point in points:
        key = json.dumps(point.static, default=str)
        if key not in programs:
            programs[key] = program_of(values, point.static)
        program = programs[key]
        cell = _cell(point, program, names)
        members.setdefault(program.setup(cell.lane), []).append(cell)
        cells.append(cell)
    _refuse_twins(cells)
    varied = {name for point in points for name in point.static}
    for name in set(values) - set(TRACED) - varied:
        values[name] = programs[key].values[name]  # in the type of its default
    width = values["block_width"] or _default_width()
    return Grid(
        config=values,
        title=_title(list(programs.values()), values["scale"]),
        axes=tuple(label(name) for name in names),
        dims={label(name): axis for name, axis in dims.items()},
        cells=tuple(cells),
        groups=tuple(
            Group(setup, width, tuple(members[setup]))
            for setup in sorted(members, key=lambda setup: setup.train_size)
        ),
        schedule=Schedule(**{to: values[name] for name, to in SCHEDULE.items()}),
        kept=_kept(values["snapshots"], cells),
    )


def _title(programs: list[Program], scale: str) -> str:
    """The task in a few words, for figures."""
    found = list(dict.fromkeys(title(program.task) for program in programs))
    if len(found) > 1:
        found = list(dict.fromkeys(str(p.values["task"]) for p in programs))
    words = [", ".join(found)]
    if all(program.online for program in programs):
        words.append("online")
    return " · ".join([*words, scale])


def _kept(snapshots: str, cells: list[Cell]) -> frozenset[str]:
    """Kins of the cells that `snapshots` names: none, all, phases, or selectors."""
    if snapshots == "none":
        return frozenset()
    if snapshots in ("all", "phases"):
        return frozenset(cell.kin for cell in cells)
    axes = [cell.axes for cell in cells]
    try:
        chosen = [matching(axes, part) for part in snapshots.split(";")]
    except ValueError as error:
        raise ValueError(
            f"snapshots={snapshots!r}: {error} (or take none, all, phases)"
        ) from None
    return frozenset(cells[index].kin for found in chosen for index in found)


_RANGES = {
    "seed": (0, 2**31 - 1, "0 … 2³¹ − 1"),
    "weight_decay": (0, math.inf, "0 or more"),
    "learning_rate": (0, math.inf, "0 or more"),
    "init_scale": (0, math.inf, "0 or more"),
    "l1": (0, math.inf, "0 or more"),
    "beta1": (0, 1 - 1e-12, "in [0, 1)"),
    "beta2": (0, 1 - 1e-12, "in [0, 1)"),
    "momentum": (0, 1 - 1e-12, "in [0, 1)"),
    "dropout": (0, 1 - 1e-12, "in [0, 1)"),
    "steps": (1, 2**24, "1 … 2²⁴"),
}


def _cell(point: Point, program: Program, names: tuple[str, ...]) -> Cell:
    traced, eval_every = point.traced, program.values["eval_every"]
    for name, (least, most, allowed) in _RANGES.items():
        if not least <= traced[name] <= most:
            raise ValueError(
                f"{name}={traced[name]} is not allowed; it must be {allowed}"
            )
    if traced["steps"] % eval_every:
        raise ValueError(
            f"steps={traced['steps']} is not a multiple of eval_every={eval_every}; "
            f"use {round_up(traced['steps'], eval_every)} or change eval_every"
        )
    n_train = 0 if program.online else _n_train(traced, program.task)
    lane = {k: v for k, v in traced.items() if k != "train_fraction"}
    lane["n_train"] = n_train
    decisive = program.decisive
    # A static field that other parts of a chain set has the sweep's value here.
    known = {n: v for n, v in program.values.items() if n not in TRACED} | point.values
    kin = settings_hash(decisive | {k: v for k, v in lane.items() if k != "steps"})
    pool = is_pool(program.task) and not program.online
    return Cell(
        id=settings_hash(decisive | lane),
        kin=kin,
        axes={label(name): known.get(name, math.nan) for name in names},
        static=point.static,
        lane=lane,
        tested=n_train < program.task.pool_size if pool else True,
    )


def _n_train(traced: Mapping[str, Any], task: Any) -> int:
    pool, most = is_pool(task), universe(task)
    if "n_train" in traced:
        n_train = traced["n_train"]
        if not 1 <= n_train <= min(most, 2**31 - 1):
            what = "training pairs" if pool else "different examples"
            shown = f"{most}" if most < 10**12 else f"{most:.3g}"
            raise ValueError(
                f"n_train={n_train} is not allowed; there are {shown} {what}, "
                f"take 1 … {min(most, 2**31 - 1)}"
            )
        return n_train
    fraction = traced["train_fraction"]
    if not pool:
        raise ValueError(
            f"train_fraction={fraction} needs a task whose examples can be listed; "
            "those of this one are drawn: take train_fraction=() and n_train=(1000,)"
        )
    if not 0 < fraction <= 1:
        raise ValueError(f"train_fraction={fraction} is outside (0, 1]")
    n_train = math.floor(Fraction(str(fraction)) * most)
    if n_train < 1:
        raise ValueError(
            f"train_fraction={fraction} of {most} pairs leaves none to train on; "
            f"take at least {math.ceil(1e6 / most) / 1e6:.6g}"
        )
    return n_train


def _refuse_twins(cells: list[Cell]) -> None:
    seen: dict[str, Cell] = {}
    for cell in cells:
        twin = seen.setdefault(cell.id, cell)
        if twin is not cell:
            raise ValueError(
                f"two cells are the same training: {twin.axes} and {cell.axes} "
                f"(n_train={cell.lane['n_train']}); drop one of them"
            )


def _default_width() -> int:
    """Lanes a block: 2 on CPU (measured, LOG); 16 elsewhere (not measured yet)."""
    import jax

    return 2 if jax.default_backend() == "cpu" else 16
