"""Outcomes are read again by other thresholds, and the run stays as it is."""

import csv

import numpy as np
import pytest
from handmade import EVERY, manifest_of, result, write

import jaxgrok
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.training.records import COMPONENT_CURVES, PLAIN, Curve, Schema

KINDS = {
    0: "grokked, and ended there",
    1: "test accuracy stays low up to the budget",
    2: "grokked for good before it ended",
    3: "diverged",
}


def trained(cell, *, train, test, status="done"):
    """The result of a cell with these accuracies."""
    made = result(cell, evals=len(train), status=status)
    for name, values in (("train_accuracy", train), ("test_accuracy", test)):
        made.records[:, made.schema.columns(name)] = values
    return made


@pytest.fixture
def run_dir(tmp_path):
    """Four trainings of up to 10 evaluations, which end once 3 tests reach 0.9."""
    manifest = manifest_of(
        seed=tuple(KINDS), steps=(90,), accuracy_threshold=0.9, stop="grokked"
    )
    one, low, good, lost = manifest.cells
    results = [
        trained(one, train=[0.1] + [1] * 6, test=[0.1] * 4 + [0.92, 0.93, 0.94]),
        trained(low, train=[0.1] + [1] * 9, test=[0.1] * 10),
        trained(good, train=[0.1, 1, 1, 1, 1], test=[0.1, 0.98, 0.99, 1, 1]),
        trained(lost, train=[0.1, np.nan], test=[0.1, np.nan], status="diverged"),
    ]
    return write(tmp_path / "run", manifest, results)


def files(folder):
    """Every file under a folder, and its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def command(*arguments):
    return analyse.main(["analyse", *map(str, arguments)])


def test_what_ended_early_and_does_not_meet_the_new_rule_is_counted_apart(run_dir):
    run = jaxgrok.open(run_dir)
    own = ["grokking", "memorisation", "comprehension", "diverged"]
    assert run.cells().phase.tolist() == own
    other = run.with_thresholds(accuracy_threshold=0.95)
    frame = other.cells()
    assert frame.phase.tolist() == ["ended", *own[1:]]
    assert frame.cause[0] == f"ended at step {6 * EVERY}" and frame.cause[1] == ""
    assert frame.grok_step.isna().tolist() == [True, True, False, True]
    longer = run.with_thresholds(hold=4)
    assert longer.cells().phase.tolist() == ["ended", *own[1:]]
    assert longer.cells().grok_step[2] == EVERY
    assert "hold=4" in longer.dataset().attrs["title"]
    # The run itself reads as before, and so does one whose thresholds are the same.
    assert run.cells().phase.tolist() == own
    assert run.with_thresholds(hold=3).dataset().identical(run.dataset())


def test_a_lower_threshold_finds_earlier_steps(run_dir):
    run = jaxgrok.open(run_dir)
    low = run.with_thresholds(accuracy_threshold=0.05, hold=1).cells()
    assert low.memorise_step.tolist()[:3] == [0, 0, 0]
    late = run.with_thresholds(grok_ratio=1.0).cells()
    assert late.phase.tolist()[0] == "grokking"


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ({"hold": 11}, "hold=11 can never be met.*has 10 evaluations"),
        ({"accuracy_threshold": 1.5}, r"accuracy_threshold=1.5 must be in \(0, 1\]"),
        ({"hold": 0}, "hold=0 must be at least 1"),
    ],
)
def test_thresholds_that_cannot_be_met_are_refused(run_dir, thresholds, words):
    with pytest.raises(ValueError, match=words):
        jaxgrok.open(run_dir).with_thresholds(**thresholds)


def test_tables_of_other_outcomes_are_not_drawn(run_dir):
    (run_dir / "crossover.csv").write_text("outcome\nopen\n")
    run = jaxgrok.open(run_dir)
    assert run.tables == run_dir and run.with_thresholds(hold=4).tables is None
    with pytest.raises(ValueError, match=r"this run has no crossover.csv"):
        next(jaxgrok.figures(run.with_thresholds(hold=4), ["crossover"]))


def test_the_command_writes_into_a_folder_of_its_own(run_dir, capsys):
    before = files(run_dir)
    assert command(run_dir, "--accuracy_threshold=0.95", "--hold=3") == 0
    folder = run_dir / "thresholds" / "accuracy_threshold=0.95,hold=3"
    assert capsys.readouterr().out.splitlines() == [
        "4 cells: 1 ended, 1 memorisation, 1 comprehension, 1 diverged",
        str(folder),
    ]
    found = [row["phase"] for row in rows(folder / "cells.csv")]
    assert found == ["ended", "memorisation", "comprehension", "diverged"]
    assert (folder / "plots" / "phase_diagram.png").stat().st_size > 5_000
    after = files(run_dir)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("thresholds/") for name in after.keys() - before.keys())


def test_the_run_s_own_thresholds_give_its_own_table(run_dir, tmp_path):
    out = tmp_path / "a" / "b"
    arguments = (run_dir, "--hold=3", "--figures=phase_diagram", "--out", out)
    assert command(*arguments) == 0
    assert (out / "cells.csv").read_bytes() == (run_dir / "cells.csv").read_bytes()
    assert [path.name for path in (out / "plots").iterdir()] == ["phase_diagram.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cell", "0"], "--cell does not go with --hold"),
        (["--weights", "m.npz"], "--weights does not go with --hold"),
        (["--key_rule", "W_E"], "--key_rule does not go with --hold"),
        (["--figures", "curves,heads"], "figure 'heads': there is none of this name"),
        (["--out", "RUN"], "is a run directory, whose tables stay as they are"),
        (["--accuracy_threshold", "95"], "accuracy_threshold=95.0 must be in (0, 1]"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_writes_nothing(
    run_dir, capsys, arguments, words
):
    before = files(run_dir)
    arguments = [str(run_dir) if a == "RUN" else a for a in arguments]
    assert command(run_dir, "--hold=4", *arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert files(run_dir) == before


def test_components_are_read_again_too(tmp_path):
    fields = {"task": "digits", "digits": 1, "train_fraction": (), "n_train": (40,)}
    manifest = manifest_of(seed=(0,), **fields)
    made = result(manifest.cells[0], schema=_component_schema())
    columns = made.schema.columns("component_test_accuracy")
    made.records[:, columns] = np.linspace(0.5, 1, 5)[:, None]
    run_dir = write(tmp_path / "run", manifest, [made])
    assert command(run_dir, "--accuracy_threshold=0.7", "--hold=2") == 0
    folder = run_dir / "thresholds" / "accuracy_threshold=0.7,hold=2"
    steps = [row["grok_step"] for row in rows(folder / "components.csv")]
    assert steps == [str(2 * EVERY)] * 2
    assert {row["grok_step"] for row in rows(run_dir / "components.csv")} == {""}


def _component_schema():
    digits = ("digit 0", "digit 1")
    parts = [Curve(name, "component", digits) for name in COMPONENT_CURVES]
    return Schema((*PLAIN, *parts)).with_steps()
