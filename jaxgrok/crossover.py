"""How little data still groks?

python -m jaxgrok.crossover --grid sweeps/crossover_modular.py

For every setting of a grid, the training-set size at which half of its seeds
generalise within the budget, with a 95% interval. The sizes are those of the grid's
n_train or train_fraction; a search trains the few of them that it needs.

--grid FILE[:SCALE]   the grid file, and a scale of it: laptop or post
--grid.FIELD=VALUE    override a field: --grid.weight_decay="(0.3, 1.0)"
--sizes LOW:HIGH[:N]  N sizes (24) from LOW to HIGH instead of the grid's
--width W             stop at an interval whose ends are a factor of W apart (1.25)
--budget N            lane-steps to spend in all; no limit by default
--known DIR           begin with what the trainings of another run directory say
--out DIR             run directory; run again, it goes on, or narrows the interval
--dry_run             print what would be searched and stop
--blocks N            blocks of lanes; by default one a device

python -m jaxgrok.crossover DIR draws the crossovers of a run directory again, or reads
those of a finished sweep.
"""

import copy
import csv
import dataclasses
import functools
import io
import itertools
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from absl import flags

from jaxgrok import command, gridfile, search
from jaxgrok.files import write_atomically
from jaxgrok.search import Bracket, Finding, Search, Trial
from jaxgrok.threshold import Training

WIDTH = 1.25
NOT_A_SETTING = ("seed", "n_train", "train_fraction")
TABLE = (
    "outcome",
    "crossover",
    "low",
    "high",
    "steps",
    "trainings",
    "stopped",
    "lane_steps",
    "saved",
    "advice",
)
"""Columns of crossover.csv after those of the setting."""


def find(
    config: Any,
    out: str | Path,
    *,
    width: float = WIDTH,
    budget: int | None = None,
    known: str | Path | None = None,
    blocks: int | None = None,
    quiet: bool = False,
) -> list[Finding]:
    """Search the crossover of every setting of a grid, in a run directory.

    Args:
        config: a ConfigDict as `jaxgrok.grid.base` starts one; its sizes are those
            to choose from.
        out: the run directory. Trainings it has are used, not made again.
        width: ratio of an interval's ends to stop at, above 1.
        budget: lane-steps to spend, those already in the directory included.
        known: a run directory of the same settings, whose trainings tell where to look.
        blocks, quiet: as in `jaxgrok.run`.

    Leaves crossover.csv and plots/crossover.png. Every size of the grid is padded to
    the largest: one program. Raises ValueError for what makes no sense, and what
    `jaxgrok.run` raises.
    """
    from jaxgrok import runner
    from jaxgrok.grid import resolve

    config = of_one_size(config)
    brackets = brackets_of(resolve(config), known)

    def evaluate(searching: Search) -> None:
        queue = functools.partial(Trials, searching)
        runner.run(config, out, blocks=blocks, quiet=quiet, queue=queue)

    findings = search.find(brackets, evaluate, width=width, budget=budget)
    write(findings, out)
    return findings


def read(run_dir: str | Path, *, width: float = WIDTH) -> list[Finding]:
    """The crossovers that the trainings of a run directory tell; trains nothing."""
    from jaxgrok import store

    cells = store.read_manifest(Path(run_dir))["cells"]
    tested = [cell for cell in cells if cell.get("tested", True)]
    if not tested:
        raise ValueError(f"{run_dir} holds no training with test examples")
    brackets = _brackets(tested)
    trials = {_trial(cell) for cell in tested}
    search = Search(brackets, width=width)
    for trial in _missing(brackets, trials):
        search.forget(trial)
    for row in store.cells(run_dir):
        trial = _trial(cells[row["cell"]])
        if trial in trials:
            _tell(search, trial, row)
    return search.findings()


def of_one_size(config: Any) -> Any:
    """A copy of a config in which every training set is padded to the largest.

    Its trainings end as they grok: what a search asks is answered then.
    """
    from jaxgrok import programs, tasks
    from jaxgrok.grid import resolve

    grid = resolve(config)
    if any(group.setup.regime == "online" for group in grid.groups):
        raise ValueError("regime='online' has no training-set size; take 'finite'")
    config = copy.deepcopy(config)
    config.stop, config.steps_past_grok = "grokked", 0
    if not config.train_size:
        most = max(cell.lane["n_train"] for cell in grid.cells)
        pools = {tasks.universe(group.setup.task) for group in grid.groups}
        if most > min(pools):
            raise ValueError(
                f"the settings have {min(pools)} to {max(pools)} examples to choose "
                f"from, and n_train={most} is too much for some; search one at a time"
            )
        config.train_size = programs.padded(most, min(pools))
    return config


def brackets_of(grid: Any, known: str | Path | None = None) -> list[Bracket]:
    """One bracket for every setting of a grid; `known`: a run directory to learn from.

    Raises ValueError where a bracket has one size or one seed, or no test examples.
    """
    for cell in grid.cells:
        if not cell.tested:
            raise ValueError(
                f"n_train={cell.lane['n_train']} leaves no pairs to test on; take less"
            )
    cells = [dataclasses.asdict(cell) for cell in grid.cells]
    brackets = _brackets(cells)
    trials = {_trial(cell) for cell in cells}
    for trial in _missing(brackets, trials):
        raise ValueError(
            f"{_words(trial.bracket)} has no n_train={trial.size} with seed="
            f"{trial.seed}; a search needs every size with every seed"
        )
    if known is None:
        return brackets
    learned = _learn(grid, Path(known))
    if not any(learned.values()):
        raise ValueError(f"known={known} holds no training of any setting searched")
    return [
        dataclasses.replace(bracket, known=tuple(learned.get(bracket.name, ())))
        for bracket in brackets
    ]


def _brackets(cells: Iterable[Mapping[str, Any]]) -> list[Bracket]:
    """The brackets of a manifest's cells."""
    members: dict[Any, list[Mapping[str, Any]]] = {}
    for cell in cells:
        members.setdefault(setting(cell), []).append(cell["lane"])
    found = []
    for name, lanes in members.items():
        sizes, seeds = ({lane[key] for lane in lanes} for key in ("n_train", "seed"))
        for what, values, way in (
            ("size", sizes, "a range, as --sizes 300:2000 gives"),
            ("seed", seeds, 'more, e.g. --grid.seed="(0, 1, 2, 3, 4)"'),
        ):
            if len(values) < 2:
                raise ValueError(
                    f"{_words(name)} has one {what}, {min(values)}: an interval needs "
                    f"at least two; give {way}"
                )
        steps = max(lane["steps"] for lane in lanes)
        found.append(Bracket(name, tuple(sorted(sizes)), tuple(sorted(seeds)), steps))
    return found


def _missing(brackets: Iterable[Bracket], trials: set[Trial]) -> Iterator[Trial]:
    """Sizes and seeds of the brackets that do not come together in any cell."""
    for bracket in brackets:
        for size, seed in itertools.product(bracket.sizes, bracket.seeds):
            trial = Trial(bracket.name, size, seed)
            if trial not in trials:
                yield trial


def setting(cell: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What a cell of a manifest shares with the others of its bracket."""
    axes = cell["axes"].items()
    return tuple((name, value) for name, value in axes if name not in NOT_A_SETTING)


def _words(name: Any) -> str:
    return " ".join(f"{axis}={value}" for axis, value in name) or "the grid"


def _trial(cell: Mapping[str, Any]) -> Trial:
    return Trial(setting(cell), cell["lane"]["n_train"], cell["lane"]["seed"])


def _tell(search: Search, trial: Trial, row: Mapping[str, Any]) -> None:
    """Tell a search of a trial's row of cells.csv."""
    if row["status"] == "failed":
        search.forget(trial)
        return
    generalised = row["grok_step"] is not None
    over = generalised or row["status"] != "stopped"
    search.tell(trial, generalised=generalised, steps=row["steps"], over=over)


def _learn(grid: Any, known: Path) -> dict[Any, list[Training]]:
    """Trainings of a run directory that are of a setting of the grid, by bracket.

    Sizes, seeds, padding and budgets may differ; what decides a result otherwise may
    not. A shorter budget that was spent tells as much as that many steps of ours.
    """
    from jaxgrok import store
    from jaxgrok.programs import Program
    from jaxgrok.scales import POST

    def settled(config: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
        program = Program(POST | dict(config), dict(cell.get("static", {})))
        free = {"n_train", "seed", "steps", "train_size", "stop", "steps_past_grok"}
        found = program.decisive | dict(cell["lane"])
        return repr(sorted((k, v) for k, v in found.items() if k not in free))

    names: dict[str, dict[Any, int]] = {}
    for one in grid.cells:
        cell = dataclasses.asdict(one)
        same = names.setdefault(settled(grid.config, cell), {})
        same[setting(cell)] = one.lane["steps"]
    manifest = store.read_manifest(known)
    learned: dict[Any, list[Training]] = {}
    for row in store.cells(known):
        cell = manifest["cells"][row["cell"]]
        if row["status"] == "failed" or not cell.get("tested", True):
            continue
        grok_step, lane = row["grok_step"], cell["lane"]
        for name, steps in names.get(settled(manifest["config"], cell), {}).items():
            generalised = grok_step is not None and grok_step <= steps
            late = grok_step is not None or row["status"] == "diverged"
            seen = 1.0 if late else min(row["steps"] / steps, 1.0)
            training = Training(lane["n_train"], lane["seed"], generalised, seen)
            learned.setdefault(name, []).append(training)
    return learned


class Trials:
    """A search as the queue of a run: its trials are cells of the grid."""

    total: int | None = None

    def __init__(self, search: Search, grid: Any, pace: Any) -> None:
        self._search = search
        self._cells = {_trial(dataclasses.asdict(cell)): cell for cell in grid.cells}
        self._trials = {cell.id: trial for trial, cell in self._cells.items()}

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Tell the search of all there is; a stopped cell stands until it is wanted."""
        rows = list(rows)
        for row in rows:
            _tell(self._search, self._trials[row["id"]], row)
        return {row["id"] for row in rows}

    def most(self, group: Any) -> int:
        return len(group.cells)

    def take(self, group: Any, free: int) -> list[Any]:
        among = dict.fromkeys(self._trials[cell.id].bracket for cell in group.cells)
        return [self._cells[trial] for trial in self._search.take(free, among)]

    def resumed(self, cell: Any) -> None:
        self._search.started(self._trials[cell.id])

    def ended(self, cell: Any, row: Mapping[str, Any]) -> None:
        _tell(self._search, self._trials[cell.id], row)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        made = {self._trials[name]: count for name, count in steps.items()}
        found = self._search.needless(made)
        return {self._cells[trial].id: cause for trial, cause in found.items()}

    def left(self, made: Mapping[str, int]) -> None:
        return None


def table(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Rows of crossover.csv, one a setting; sizes are whole, outwards."""
    rows = []
    for found in findings:
        axes: Any = found.bracket
        row: dict[str, Any] = dict(axes) | {"outcome": found.outcome}
        row["crossover"] = None if found.estimate is None else round(found.estimate)
        row["low"] = None if found.low is None else math.floor(found.low + 1e-6)
        row["high"] = None if found.high is None else math.ceil(found.high - 1e-6)
        row |= {name: getattr(found, name) for name in TABLE[4:]}
        rows.append(row)
    return rows


def write(findings: list[Finding], out: str | Path) -> None:
    """Write crossover.csv and plots/crossover.png of a run directory."""
    from jaxgrok import plots, store

    rows = table(findings)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(Path(out) / "crossover.csv", buffer.getvalue().encode())
    figure = plots.crossover(store.load(out), rows)
    (Path(out) / "plots").mkdir(exist_ok=True)
    plots.save(figure, Path(out) / "plots" / "crossover.png")


def stored(run_dir: str | Path) -> list[Finding] | None:
    """The findings that a search left in crossover.csv; None where there is none."""
    path = Path(run_dir) / "crossover.csv"
    if not path.exists():
        return None
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    findings = []
    for row in rows:
        values = {name: _value(text) for name, text in row.items()}
        result = {name: values.pop(name) for name in TABLE}
        result["estimate"] = result.pop("crossover")
        result["advice"] = result["advice"] or ""
        findings.append(Finding(tuple(values.items()), **result))
    return findings


def _value(text: str) -> Any:
    """A cell of a table in the type it was written from; None where it is empty."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"": None, "True": True, "False": False}.get(text, text)


def words(found: Finding) -> str:
    """A finding in one line."""
    row = table([found])[0]
    name = _words(found.bracket)
    spared = f", sparing up to {found.saved:,} steps" if found.stopped else ""
    made = (
        f"{found.trainings} trainings ({found.stopped} stopped early{spared}), "
        f"{found.lane_steps:,} lane-steps"
    )
    low, high = row["low"] or "…", row["high"] or "…"
    if found.outcome == "found":
        text = (
            f"half of the seeds generalise at {row['crossover']} examples "
            f"({low} to {high})"
        )
    elif found.outcome == "no size generalises":
        text = f"no size generalises within {found.steps:,} steps (above {low})"
    elif found.outcome == "every size generalises":
        text = f"every size generalises (below {high})"
    else:
        text = f"{found.outcome}: {low} to {high} so far"
    return f"{name}: {text} · {made}{f' · {found.advice}' if found.advice else ''}"


def main(argv: list[str]) -> int:
    """Parse, search, and return the exit code; bad input is one line and code 2."""
    return command.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    values = flags.FlagValues()
    for name in ("out", "sizes", "known"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_float("width", WIDTH, "ratio to stop at", flag_values=values)
    for name in ("budget", "blocks"):
        flags.DEFINE_integer(name, None, name, lower_bound=1, flag_values=values)
    flags.DEFINE_bool("dry_run", False, "print the plan", flag_values=values)
    if len(argv) > 1 and not argv[1].startswith("-"):
        run_dir, *rest = command.parse(values, argv)
        if rest:
            raise ValueError(f"argument {rest[0]!r} is not understood; see --help")
        for name in values:
            if name != "width" and values[name].present:
                raise ValueError(f"--{name} needs --grid; DIR alone is only read")
        findings = stored(run_dir) or read(run_dir, width=values.width)
        write(findings, run_dir)
        return _say(findings, run_dir)
    config, name = gridfile.parse(values, argv)
    return _search(values, config, values.out or f"runs/{name}-{config.scale}")


def _search(values: flags.FlagValues, config: Any, out: str) -> int:
    from jaxgrok import runner
    from jaxgrok.grid import resolve, sizes

    if values.sizes is not None:
        config.n_train, config.train_fraction = sizes(*_range(values.sizes)), ()
    grid = resolve(of_one_size(config))
    brackets = brackets_of(grid, values.known)
    Search(brackets, width=values.width, budget=values.budget)  # refuses what it must
    print(headline(grid, brackets, values.width), file=sys.stderr)
    if values.dry_run:
        return 0
    try:
        findings = find(
            config,
            out,
            width=values.width,
            budget=values.budget,
            known=values.known,
            blocks=values.blocks,
        )
    except runner.Interrupted as stopped:
        print(f"{stopped}; the same command goes on", file=sys.stderr)
        return command.INTERRUPTED
    return _say(findings, out)


def _range(text: str) -> list[int]:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"sizes={text!r} is not understood; write --sizes 300:2000")
    return [int(part) for part in parts]


def _say(findings: list[Finding], out: str | Path) -> int:
    for found in findings:
        print(words(found))
    print(f"{out}/crossover.csv, {out}/plots/crossover.png")
    return 0


def headline(grid: Any, brackets: list[Bracket], width: float) -> str:
    """The line before a search: what it looks through."""
    sizes = sorted({size for bracket in brackets for size in bracket.sizes})
    seeds = max(len(bracket.seeds) for bracket in brackets)
    known = sum(len(bracket.known) for bracket in brackets)
    steps = max(bracket.steps for bracket in brackets)
    count = "1 crossover" if len(brackets) == 1 else f"{len(brackets)} crossovers"
    return (
        f"{grid.config['scale']} scale: {count} to within a factor of {width:g}, in "
        f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]} and {seeds} seeds, up to "
        f"{steps:,} steps a training"
        f"{f'; {known} trainings known' if known else ''}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
