"""Read circuits: `python -m jaxgrok.analyse RUN_DIR --cell weight_decay=1.0,seed=0`.

RUN_DIR               a run directory whose sweep kept snapshots
--cell CELL           an index of cells.csv, axis values, or all: a table of every cell
--step N              a kept step; by default the last
--key_rule RULE       W_L (default), W_E, neurons or neurons_0.85
--weights FILE.npz    a network from elsewhere, in place of RUN_DIR and --cell
--train_index F.npy   its training rows, x·p + y
--operation OP        its task, where no cfg.json beside it tells: x+y
--activation NAME     likewise: relu
--figures NAMES       some figures only: attention,neurons_2d
--out DIR             where to write; by default RUN_DIR/circuits/CELL

Of repeated subsequences, whose circuit is an induction circuit, it writes the scores of
every head: heads.csv, heads/CELL.png.
"""

import sys
from pathlib import Path
from typing import Any

from absl import flags

from jaxgrok.host import command_line


def main(argv: list[str]) -> int:
    """Parse, read, write, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, lambda argv: _run(*_parse(argv)))


def _parse(argv: list[str]) -> tuple[flags.FlagValues, list[str]]:
    values = flags.FlagValues()
    texts = ("cell", "weights", "train_index", "operation", "activation", "out")
    for name in (*texts, "figures"):
        flags.DEFINE_string(name, None, name, flag_values=values)
    flags.DEFINE_string("key_rule", "W_L", "key_rule", flag_values=values)
    flags.DEFINE_integer("step", None, "step", flag_values=values)
    rest = command_line.parse(values, argv)
    _check(values, rest)
    return values, rest


def _check(values: flags.FlagValues, rest: list[str]) -> None:
    if values.weights:
        if rest or values.cell or values.step is not None:
            raise ValueError("--weights takes no run directory, --cell or --step")
        if not values.out:
            raise ValueError("--out is missing: name a folder to write to")
        return
    for name in ("train_index", "operation", "activation"):
        if values[name].value:
            raise ValueError(f"--{name} goes with --weights; a cell knows its own")
    if len(rest) != 1:
        raise ValueError("name one run directory, e.g. runs/mainline-post; see --help")
    if not values.cell:
        raise ValueError('--cell is missing: e.g. --cell "seed=0", or --cell all')


def _run(values: flags.FlagValues, rest: list[str]) -> int:
    from jaxgrok.analyse import circuits, induction_heads
    from jaxgrok.fourier.key_frequencies import KEY_RULES

    if values.key_rule not in KEY_RULES:
        raise ValueError(
            f"--key_rule {values.key_rule} is unknown; choose one of "
            + ", ".join(KEY_RULES)
        )
    if not values.weights and induction_heads.reads(rest[0]):
        return _heads(rest[0], values)
    names = values.figures and [name.strip() for name in values.figures.split(",")]
    if values.cell == "all":
        rows = circuits.survey(rest[0], values.key_rule)
        print(summary(rows))
        print(circuits.write_survey(rows, values.out or rest[0]))
        return 0
    if values.weights:
        report = circuits.of_weights(
            values.weights,
            train_index=values.train_index,
            operation=values.operation,
            activation=values.activation,
            key_rule=values.key_rule,
        )
        out = Path(values.out)
    else:
        report = circuits.of_cell(
            rest[0], values.cell, step=values.step, key_rule=values.key_rule
        )
        axes = report.source["axes"].items()
        name = ",".join(f"{axis}={value}" for axis, value in axes)
        out = Path(values.out or Path(rest[0]) / "circuits" / name)
    path = circuits.write(report, out, names)
    print(describe(report.as_dict()))
    print(path)
    return 0


def _heads(run_dir: str, values: flags.FlagValues) -> int:
    """The scores of the heads of one cell, or of all."""
    from jaxgrok.analyse import induction_heads

    for name in ("step", "figures", "out"):
        if values[name].value is not None:
            raise ValueError(f"--{name} does not go with heads; leave it out")
    if values.cell == "all":
        print(induction_heads.survey(run_dir))
        return 0
    found = induction_heads.of_cell(run_dir, values.cell)
    for row in found.rows():
        print(
            f"head {row['layer']}.{row['head']}: previous token "
            f"{row['previous_token']:.2f}, induction {row['induction']:.2f}"
        )
    print(induction_heads.write(found, run_dir))
    return 0


def describe(facts: dict[str, Any]) -> str:
    """A circuit in a few lines."""
    clusters = ", ".join(f"{k}: {len(v)}" for k, v in facts["clusters"].items())
    keys = ", ".join(map(str, facts["key_frequencies"])) or "none"
    losses = {
        "train": facts["train_loss"],
        "test": facts["test_loss"],
        "all": facts["all_loss"],
        "trig": facts["trig_loss"]["all"],
        "excluded": facts["excluded_loss_2d"]["full"],
        "cosines alone": facts["cos_approximation_loss"],
    }
    shown = ", ".join(f"{k} {v:.3g}" for k, v in losses.items() if v is not None)
    lines = [
        facts["verdict"],
        f"key frequencies ({facts['key_rule']}): {keys}",
        f"neurons in clusters: {clusters or 'none'}",
        f"losses: {shown}",
    ]
    for name, span in (facts.get("stages") or {}).items():
        if span:
            lines.append(f"{name.replace('_', '-')}: steps {span[0]:,} to {span[1]:,}")
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> str:
    """Every circuit in a line."""
    lines = []
    for row in rows:
        keys = " ".join(map(str, row["key_frequencies"])) or "no sparse spectrum"
        lines.append(f"cell {row['cell']}: {row['phase'] or 'unfinished'} · {keys}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
