"""The command: flags that go together, weights from elsewhere, and what it prints."""

import dataclasses
import json
import types

import elsewhere
import pytest

import planted
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.analyse.circuits import CellSource, FileSource, Report
from jaxgrok.analyse.survey import CircuitRow, count
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.weights import transformerlens


def command(capsys, *arguments):
    """Exit code, output and errors of the command."""
    code = analyse.main(["analyse", *map(str, arguments)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["r"], "--cell is missing"),
        (["r", "--cell", "0", "--key_rule", "best"], "choose one of W_L, W_E"),
        (["r", "--cell", "0", "--step", "x"], "--help"),
        (["r", "--cell", "0", "--key_frequencies", "1,x"], "be whole numbers: 14,35"),
        (
            ["r", "--cell", "0", "--key_frequencies", "1", "--key_rule", "W_E"],
            "--key_frequencies goes without --key_rule",
        ),
        (["r", "--cell", "all", "--out", __file__ + "/new"], "test_main.py is not a f"),
        (["r", "--cell", "0", "--train_index", "x"], "--train_index goes with --wei"),
        (["r", "--cell", "0", "--operation", "x"], "--operation goes with --weights"),
        (["r", "--cell", "0", "--activation", "x"], "--activation goes with --weig"),
        (["r", "--weights", "x"], "--weights takes no run directory"),
        (["--step", "0", "--weights", "x"], "--weights takes no run directory"),
        (["--weights", "x"], "--out is missing"),
        (["r", "--cell", "0", "--colour"], "is unknown"),
        (["r", "more", "--cell", "0"], "name one run directory"),
        (["--cell", "0"], "name one run directory"),
    ],
)
def test_flags_that_do_not_go_together_are_refused_in_one_line(
    capsys, arguments, words
):
    code, out, err = command(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err and err.count("\n") == 1


def test_help_is_the_module_s_own_text(capsys):
    code, out, _ = command(capsys, "--help")
    assert code == 0 and "--train_index F.npy" in out


def test_weights_from_elsewhere_are_read_and_written(tmp_path, capsys):
    task, model, params = elsewhere.network()
    weights, out_dir = tmp_path / "m.npz", tmp_path / "o"
    transformerlens.save_npz(weights, params, transformerlens.config_of(task, model))
    flags = ("--weights", weights, "--out", out_dir, "--figures", "logits_2d")
    code, out, err = command(capsys, *flags)
    assert (code, err) == (0, "") and out.splitlines()[-1] == str(out_dir)
    entries = json.loads((out_dir / "circuit.json").read_text())
    assert entries["stages"] is None and entries["test_loss"] is None
    assert [file.name for file in out_dir.glob("*.png")] == ["logits_2d.png"]


def test_a_description_has_frequencies_clusters_and_the_losses_that_are_known():
    network = planted.arrays(7, {2: 9.0})
    learned = circuit(network)
    lines = analyse.describe(Report(FileSource("m"), network, learned)).splitlines()
    assert lines[0] == learned.verdict
    assert lines[1:3] == ["key frequencies (W_L): 2", "neurons in clusters: 2: 2"]
    assert lines[3] == "right: train 100.0%, test 100.0%, all 100.0%"
    assert "test " in lines[4]
    unsplit = dataclasses.replace(learned, test_loss=float("nan"), key_frequencies=())
    lines = analyse.describe(Report(FileSource("m"), network, unsplit)).splitlines()
    assert lines[1].endswith(": none") and "test " not in lines[4]


def test_a_network_that_is_no_better_than_half_is_said_to_be_misread_perhaps():
    network = planted.arrays(7, {2: 9.0})
    learned = dataclasses.replace(
        circuit(network), solves_task=False, all_accuracy=0.25, all_loss=3.0
    )
    weights = Report(FileSource("m"), network, learned).warning
    assert weights.startswith("right on 25.0% of all pairs, loss 3 (a guess: 1.95): ")
    assert "it was misread; assumed: x+y, p = 7," in weights
    cell = Report(CellSource("r", 0, {}, 5), network, learned).warning
    assert cell.endswith("the network does not solve x+y")


def test_a_description_has_the_stages_that_there_were():
    report = types.SimpleNamespace(
        circuit=circuit(planted.arrays(7, {2: 9.0})),
        warning=None,
        skipped=2,
        stages={"clean_up": [1000, 2500], "stability": None},
    )
    text = analyse.describe(report)
    assert "\n2 snapshots not finite, left out\n" in text
    assert text.endswith("\nclean-up: steps 1,000 to 2,500")


def test_a_summary_is_a_line_a_cell():
    rows = [
        CircuitRow(
            *(0, {}, 7, 100, "grokking", 50),
            has_circuit=True,
            all_accuracy=1.0,
            key_frequencies=(2, 5),
        ),
        CircuitRow(*(3, {}, 7, 100, None, None), has_circuit=False, all_accuracy=0.314),
        CircuitRow(4, {}, 7, 100, "diverged", None),
    ]
    assert analyse.summary(rows).splitlines() == [
        "cell 0: grokking · circuit · 100.0% right · 2 5",
        "cell 3: unfinished · no circuit · 31.4% right",
        "cell 4: diverged · not finite: not read",
    ]
    assert count(rows) == "1 of 3 networks have a circuit; 1 diverged"
