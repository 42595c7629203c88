"""From a grid file's config to cells, and from cells to groups.

>>> config = base("laptop")
>>> config.weight_decay = (0.1, 1.0)
>>> grid = resolve(config)
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ml_collections

from jaxgrok.fields.checks import article, check, unknown_field
from jaxgrok.fields.field import rows
from jaxgrok.fields.values import WIDTH, listed, plain, shown
from jaxgrok.grid import axes, fields, train_sizes
from jaxgrok.grid.axes import Point
from jaxgrok.grid.cells import Cell, Grid, Group, label, settings_hash
from jaxgrok.grid.selector import matching
from jaxgrok.grid.setups import Program, program_of, refuse_missing, round_up
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.host.machine import platform_of_jax
from jaxgrok.tasks import is_pool
from jaxgrok.training.setup import Setup

BLOCK_WIDTHS = {"cpu": 2, "tpu": 4}
"""Lanes of a block by platform. CPU: measured by scripts/bench/step.py. TPU: the least
cycles a lane-step of a v5e, by scripts/bench/tpu_program.py --block_width."""
GPU_BLOCK_WIDTH = 32
"""Of an H200, by scripts/checks/accelerator.py: within 13% of the fastest width at
p = 113. Wider blocks are faster if a group fills them: idle lanes compute too."""


def resolve(config: Mapping[str, Any]) -> Grid:
    """Check a config and lay out its cells and groups.

    Raises:
        ValueError: one line that names the field, its value and the way out, for an
            unknown field, an axis that is no tuple, more training examples than exist,
            and the like.
    """
    if not isinstance(config, ml_collections.ConfigDict):
        raise ValueError(
            f"the config is {article(config)}, not a ConfigDict; "
            "start from jaxgrok.grid.base(scale)"
        )
    values = _plain(config)
    points, dims = axes.combine(values)
    names = axes.names(points)
    # One program for all points of the same static fields: making it is slow.
    programs: dict[str, Program] = {}
    for point in points:
        if _key(point) not in programs:
            programs[_key(point)] = program_of(values, point.static)
    values, differing = _common(values, points, list(programs.values()))
    cells = []
    members: dict[Setup, list[Cell]] = {}
    for point in points:
        program = programs[_key(point)]
        cells.append(_cell(point, program, names, differing))
        # By setup, not by program: equal setups compile to the same program.
        members.setdefault(program.setup(cells[-1].lane), []).append(cells[-1])
    _refuse_twins(cells)
    return Grid(
        config=values,
        title=_title(list(programs.values()), values["scale"]),
        axes=tuple(label(name) for name in names),
        dims={label(name): axis for name, axis in dims.items()},
        cells=tuple(cells),
        groups=_groups(members, values["block_width"] or _default_width()),
        schedule=Schedule(**fields.arguments(rows(Schedule), values)),
        kept=kept(values["snapshots"], cells),
    )


def _plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Return the fields of a config, those of the whole sweep in their types."""
    values: dict[str, Any] = plain(config.to_dict())
    refuse_missing(values)
    values = fields.neutral() | values
    # Fields of tasks, models and optimisers that are not named are known, and ignored.
    options = fields.every()
    for name in values:
        if name not in options:
            raise ValueError(unknown_field(name, options))
    for name in fields.shared():
        values[name] = check(fields.general()[name], values[name])
    return values


def _key(point: Point) -> str:
    """Return what tells the programs of two points apart."""
    # As text: values may be dicts, which cannot be keys.
    return json.dumps(point.static, default=str)


def _common(
    values: Mapping[str, Any], points: list[Point], programs: list[Program]
) -> tuple[dict[str, Any], list[str]]:
    """Return a sweep's config, and the fields that its programs complete differently.

    Static fields are in their types, but for those that are axes.
    """
    common, differing = dict(values), []
    varied = {name for point in points for name in point.static}
    names = dict.fromkeys(name for program in programs for name in program.static)
    for name in names:
        if name in varied:
            continue
        # A program has no value for a field that only another task or model has.
        options = [p.static[name] for p in programs if name in p.static]
        # A program may lack the field, as another model does. It has no say then.
        if all(option == options[0] for option in options):
            common[name] = options[0]
        else:
            common.pop(name, None)
            differing.append(name)
    return common, differing


def _groups(members: Mapping[Setup, list[Cell]], width: int) -> tuple[Group, ...]:
    """Return the groups, those of small training sets first."""
    setups = sorted(members, key=lambda setup: setup.train_size)
    return tuple(Group(setup, width, tuple(members[setup])) for setup in setups)


def _title(programs: list[Program], scale: str) -> str:
    """Describe the tasks in a few words, for figures."""
    titles = list(dict.fromkeys(program.task.title for program in programs))
    if len(titles) > 1:
        # Several titles are too long for a figure: the tasks' names have to do.
        titles = list(dict.fromkeys(str(p.values["task"]) for p in programs))
    words = [", ".join(titles)]
    if all(program.online for program in programs):
        words.append("online")
    return " · ".join([*words, scale])


def kept(snapshots: str, cells: Sequence[Cell]) -> frozenset[str]:
    """Return the kins that `snapshots` names: none, all, phases, or selectors."""
    if snapshots == "none":
        return frozenset()
    if snapshots in ("all", "phases"):
        return frozenset(cell.kin for cell in cells)
    axes_of_cells = [cell.axes for cell in cells]
    kins: set[str] = set()
    for selector in snapshots.split(";"):
        try:
            indices = matching(axes_of_cells, selector)
        except ValueError as error:
            raise ValueError(
                f"snapshots={shown(snapshots)}: {error} (or take none, all, phases)"
            ) from None
        kins |= {cells[index].kin for index in indices}
    return frozenset(kins)


def _cell(
    point: Point, program: Program, names: tuple[str, ...], differing: Iterable[str]
) -> Cell:
    traced, eval_every = point.traced, program.values["eval_every"]
    if traced["steps"] % eval_every:
        raise ValueError(
            f"steps={traced['steps']} is not a multiple of eval_every={eval_every}; "
            f"use {round_up(traced['steps'], eval_every)} or change eval_every"
        )
    n_train = 0 if program.online else train_sizes.n_train(traced, program.task)
    lane = program.lane(traced, n_train)
    decisive = program.decisive
    # A static field that other parts of a chain set has the sweep's value here.
    values = program.static | point.values
    # Online, or drawn, there are always examples that the cell has not trained on.
    pool = is_pool(program.task) and not program.online
    budgetless = {name: value for name, value in lane.items() if name != "steps"}
    own = {n: program.static[n] for n in differing if n in program.static}
    return Cell(
        id=settings_hash(decisive | lane),
        kin=settings_hash(decisive | budgetless),
        # NaN: this part of a chain lacks the axis.
        axes={label(name): values.get(name, math.nan) for name in names},
        static=own | point.static,
        lane=lane,
        tested=n_train < program.task.universe if pool else True,
    )


def _refuse_twins(cells: list[Cell]) -> None:
    """Raise ValueError for two cells that are the same training."""
    by_id: dict[str, Cell] = {}
    for cell in cells:
        # Usually two parts of a chain: one result would stand in two rows.
        twin = by_id.setdefault(cell.id, cell)
        if twin is not cell:
            raise ValueError(
                f"two cells are the same training: {_words(twin.axes)} and "
                f"{_words(cell.axes)} (n_train={cell.lane['n_train']}); drop one"
            )


def _words(axes: Mapping[str, Any]) -> str:
    """Return the axis values of a cell as a selector has them."""
    return listed((f"{name}={value}" for name, value in axes.items()), WIDTH)


def _default_width() -> int:
    """Return the lanes of a block."""
    return BLOCK_WIDTHS.get(platform_of_jax(), GPU_BLOCK_WIDTH)
