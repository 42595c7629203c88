"""Read circuits: `python -m jaxgrok.analyse RUN_DIR --cell weight_decay=1.0,seed=0`.

RUN_DIR               a run directory whose sweep kept snapshots
--cell CELL           an index of cells.csv, axis values, or all: a table of every cell
--step N              a kept step; by default the last
--key_rule RULE       W_L, W_E, neurons, neurons_0.85 or logits, whatever the verdict;
                      by default W_L where there is a circuit
--key_frequencies K   14,35,41 in place of a rule
--weights FILE.npz    a network from elsewhere, in place of RUN_DIR and --cell
--train_index F.npy   its training pairs: rows x·p + y, a mask [p²] or pairs [n, 2]
--operation OP        its task, where no cfg.json beside it tells: x+y
--activation NAME     likewise: relu
--figures NAMES       some figures only: attention,neurons_2d
--out DIR             where to write; by default RUN_DIR/circuits/CELL
--grid FILE           a grid file that registers the run's task or model, if your own

If the task is repeated subsequences, whose circuit is an induction circuit, it writes
the scores of every head instead: heads.csv, and heads/CELL.csv and .png over training.

python -m jaxgrok.analyse RUN_DIR --accuracy_threshold 0.95 --hold 5 reads the outcomes
of all cells again, by other thresholds: cells.csv, components.csv and the figures.

--accuracy_threshold A, --hold N, --grok_ratio R
                      as the fields of a grid; one that is left out is the run's own
--figures NAMES       some figures only: phase_diagram,curves
--out DIR             where to write; by default in RUN_DIR/thresholds
"""

import sys
from typing import TYPE_CHECKING, Any

from absl import flags

from jaxgrok.analyse.descriptions import describe, summary
from jaxgrok.host import command_line
from jaxgrok.host.files.paths import UserPath, as_path
from jaxgrok.host.terminal import number

if TYPE_CHECKING:
    from jaxgrok.analyse.circuits import Report
    from jaxgrok.results.run import Run


THRESHOLDS = ("accuracy_threshold", "hold", "grok_ratio")
"""Flags that say how outcomes are read; none of them goes with those of circuits."""


def main(argv: list[str]) -> int:
    """Parse, read, write, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, lambda argv: _run(*_parse(argv)))


def _parse(argv: list[str]) -> tuple[flags.FlagValues, list[str]]:
    """Return the flags and the other arguments; ValueError for whatever is wrong."""
    values = flags.FlagValues()
    texts = ("cell", "weights", "train_index", "operation", "activation", "out", "grid")
    # None, not a default: a flag that was left out can be told from any value.
    for name in (*texts, "figures", "key_rule"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_list("key_frequencies", None, "key_frequencies", flag_values=values)
    for name in ("step", "hold"):
        flags.DEFINE_integer(name, None, name, flag_values=values)
    for name in ("accuracy_threshold", "grok_ratio"):
        flags.DEFINE_float(name, None, name, flag_values=values)
    arguments = command_line.parse(values, argv)
    _check(values, arguments)
    return values, arguments


def _check(values: flags.FlagValues, arguments: list[str]) -> None:
    """Refuse flags that do not go together."""
    if _thresholds(values):
        for name in values:
            is_of_outcomes = name in (*THRESHOLDS, "figures", "out")
            if values[name].present and not is_of_outcomes:
                raise ValueError(
                    f"--{name} does not go with --{next(iter(_thresholds(values)))}, "
                    "which reads the outcomes of all cells; leave one of them out"
                )
    if values.weights:
        if arguments or values.cell or values.step is not None or values.grid:
            raise ValueError(
                "--weights takes no run directory, --cell, --step or --grid"
            )
        if not values.out:
            raise ValueError("--out is missing: name a folder to write to")
        return
    for name in ("train_index", "operation", "activation"):
        if values[name].value:
            raise ValueError(f"--{name} goes with --weights; a cell knows its own")
    if len(arguments) != 1:
        raise ValueError("name one run directory, e.g. runs/mainline-post; see --help")
    if not (values.cell or _thresholds(values)):
        raise ValueError('--cell is missing: e.g. --cell "seed=0", or --cell all')


def _frequencies(values: flags.FlagValues) -> list[int] | None:
    """Return --key_frequencies as numbers; None without the flag."""
    words = values.key_frequencies
    if words is None:
        return None
    if values.key_rule is not None:
        raise ValueError("--key_frequencies goes without --key_rule: leave one out")
    if not words or not all(word.strip().isdecimal() for word in words):
        raise ValueError(
            f"--key_frequencies {','.join(words)} must be whole numbers: 14,35,41"
        )
    return [int(word) for word in words]


def _thresholds(values: flags.FlagValues) -> dict[str, Any]:
    """Return the thresholds that were given, by name."""
    flagged = {name: values[name].value for name in THRESHOLDS}
    return {name: value for name, value in flagged.items() if value is not None}


def _run(values: flags.FlagValues, arguments: list[str]) -> int:
    """Read what the flags name, and write what was read."""
    # Imported late, here and below: --help and a wrong flag need no JAX.
    from jaxgrok.analyse import induction_heads
    from jaxgrok.fourier.key_frequencies import KEY_RULES
    from jaxgrok.host.files.atomic_files import check_writable
    from jaxgrok.results.run import open_run

    if values.key_rule not in (None, *KEY_RULES):
        raise ValueError(
            f"--key_rule {values.key_rule} is unknown; choose one of "
            + ", ".join(KEY_RULES)
        )
    _frequencies(values)
    if values.out:
        # Reading takes minutes: what could not be written is refused before.
        check_writable(as_path(values.out))
    if values.weights:
        return _weights(values)
    # Before the run is opened: it may name a task or model of this file.
    if values.grid:
        from jaxgrok.grid.grid_file import load_registrations

        load_registrations(values.grid)
    run = open_run(arguments[0])
    if _thresholds(values):
        return _outcomes(run, values)
    # An induction circuit lies in heads, not in frequencies: another reading.
    if induction_heads.reads(run):
        return _heads(run, values)
    return _survey(run, values) if values.cell == "all" else _cell(run, values)


def _weights(values: flags.FlagValues) -> int:
    """Read a network from elsewhere."""
    from jaxgrok.analyse import circuits

    report = circuits.read_weights(
        values.weights,
        train_index=values.train_index,
        operation=values.operation,
        activation=values.activation,
        key_rule=values.key_rule,
        key_frequencies=_frequencies(values),
    )
    return _write(report, values.out, values)


def _cell(run: "Run", values: flags.FlagValues) -> int:
    """Read one cell."""
    from jaxgrok.analyse import circuits

    report = circuits.read_circuit(
        run,
        values.cell,
        values.step,
        key_rule=values.key_rule,
        key_frequencies=_frequencies(values),
    )
    label = run.cell(values.cell).label
    code = _write(report, values.out or run.path / "circuits" / label, values)
    _rewrite_page(run)
    return code


def _rewrite_page(run: "Run") -> None:
    """Write the page of a run again, if it has one: it shows what was read."""
    from jaxgrok.report import page

    if (run.path / page.FILE).exists():
        page.rewrite(run.path)


def _write(report: "Report", out: UserPath, values: flags.FlagValues) -> int:
    """Write a report and say what it holds."""
    from jaxgrok.analyse import circuits

    path = circuits.write(report, out, _figures(values))
    print(describe(report))
    print(path)
    return 0


def _figures(values: flags.FlagValues) -> list[str] | None:
    """Return the names of the figures that were asked for, None for all."""
    return values.figures and [name.strip() for name in values.figures.split(",")]


def _outcomes(run: "Run", values: flags.FlagValues) -> int:
    """Read the outcomes of all cells by other thresholds."""
    from jaxgrok.analyse import thresholds
    from jaxgrok.results.dataset import label_counts

    run = run.with_thresholds(**_thresholds(values))
    out = as_path(values.out) if values.out else thresholds.default_folder(run)
    path = thresholds.write(run, out, _figures(values))
    print(f"{number(len(run), 'cell')}: {label_counts(run.dataset())}")
    print(path)
    return 0


def _survey(run: "Run", values: flags.FlagValues) -> int:
    """Read every cell."""
    from jaxgrok.analyse.survey import count, survey, write_survey

    rows = survey(run, values.key_rule, _frequencies(values), quiet=False)
    print(summary(rows))
    if left_out := len(run.indices_with_snapshots()) - len(rows):
        print(f"{left_out} left out: their operation has no Fourier reading")
    print(count(rows))
    print(write_survey(rows, values.out or run.path))
    _rewrite_page(run)
    return 0


def _heads(run: "Run", values: flags.FlagValues) -> int:
    """Score the heads of one cell, or of all."""
    from jaxgrok.analyse import induction_heads

    for name in ("step", "figures", "out", "key_rule", "key_frequencies"):
        # `is not None`: step 0 is a step too.
        if values[name].value is not None:
            raise ValueError(f"--{name} does not go with heads; leave it out")
    if values.cell == "all":
        print(induction_heads.survey(run, quiet=False))
        _rewrite_page(run)
        return 0
    heads = induction_heads.read_heads(run, values.cell)
    for row in heads.rows():
        print(
            f"head {row.layer}.{row.head}: previous token {row.previous_token:.2f}, "
            f"induction {row.induction:.2f}"
        )
    print(induction_heads.write(heads, run))
    _rewrite_page(run)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
