"""The command: flags that go together, weights from elsewhere, and what it prints."""

import dataclasses
import json
import types

import elsewhere
import pytest

import planted
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.analyse.circuits import FileSource, Report
from jaxgrok.circuits import transformerlens
from jaxgrok.circuits.circuit import circuit


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
    assert "test " in lines[3]
    unsplit = dataclasses.replace(learned, test_loss=float("nan"), key_frequencies=())
    lines = analyse.describe(Report(FileSource("m"), network, unsplit)).splitlines()
    assert lines[1].endswith(": none") and "test " not in lines[3]


def test_a_description_has_the_stages_that_there_were():
    report = types.SimpleNamespace(
        circuit=circuit(planted.arrays(7, {2: 9.0})),
        stages={"clean_up": [1000, 2500], "stability": None},
    )
    text = analyse.describe(report)
    assert text.endswith("\nclean-up: steps 1,000 to 2,500")


def test_a_summary_is_a_line_a_cell():
    rows = [
        types.SimpleNamespace(cell=0, phase="grokking", key_frequencies=(2, 5)),
        types.SimpleNamespace(cell=3, phase=None, key_frequencies=()),
    ]
    assert analyse.summary(rows).splitlines() == [
        "cell 0: grokking · 2 5",
        "cell 3: unfinished · no sparse spectrum",
    ]
