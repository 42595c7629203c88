"""The command line: a tiny sweep to its end, and every way to be refused."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

import jaxgrok
import tiny
from children import command_without_jax
from jaxgrok.engine import sizing
from jaxgrok.results import run_directory
from jaxgrok.sweep import __main__ as sweep
from jaxgrok.sweep import plan
from jaxgrok.sweep import run as runner

ROOT = Path(__file__).parents[2]
GRID = '''"""A tiny sweep."""
from jaxgrok import grid


def get_config(scale="laptop"):
    config = grid.base(scale)
    config.update(model="mlp", modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16)
    config.block_width = 2
    config.update(eval_every=10, steps=(40,), train_fraction=(0.5,))
    config.weight_decay = (0.1, 1.0)
    return config
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with the grid file."""
    monkeypatch.chdir(tmp_path)
    Path("tiny_grid.py").write_text(GRID)
    return tmp_path


@pytest.fixture(scope="module")
def finished(with_figures, tmp_path_factory):
    """The directory of a finished sweep; copy it before you change it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny_grid.py").write_text(GRID)
    assert run(folder / "tiny_grid.py", "--out", folder / "run") == 0
    return folder / "run"


@pytest.fixture
def copy(finished, here):
    """A copy of it under the working directory."""
    shutil.copytree(finished, "run")
    return Path("run")


@pytest.fixture
def seen(monkeypatch):
    """Calls of runner.run, which here returns at once."""
    calls = []

    def note(config, out, **rest):
        calls.append((config, str(out), rest))
        raise runner.Interrupted("stopped; 0 cells finished")

    monkeypatch.setattr(runner, "run", note)
    return calls


def run(*arguments):
    return sweep.main(["sweep", "--grid", *map(str, arguments)])


def rows(path):
    with open(path / "cells.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(path):
    return {
        str(p.relative_to(path)): p.read_bytes()
        for p in sorted(path.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def refusal(capsys, *arguments):
    """The one line on stderr with which a command is refused."""
    before = sorted(Path().rglob("*"))
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    assert sorted(Path().rglob("*")) == before
    return captured.err[len("error: ") : -1]


def test_a_sweep_leaves_a_run_directory(finished):
    names = set(contents(finished))
    assert {"manifest.json", "cells.csv", "plots/phase_diagram.png"} <= names
    assert not (finished / "resume").exists()
    assert (finished / "plots/phase_diagram.png").read_bytes()[:4] == b"\x89PNG"
    assert [row["weight_decay"] for row in rows(finished)] == ["0.1", "1.0"]
    assert {row["status"] for row in rows(finished)} == {"done"}
    assert {row["steps"] for row in rows(finished)} == {"40"}
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["config"]["modulus"] == 7
    assert manifest["bits"]["block_width"] == 2
    dataset = jaxgrok.load(finished)
    assert dict(dataset.sizes) | {"matrix": 0} == {
        "weight_decay": 2,
        "train_fraction": 1,
        "seed": 1,
        "step": 5,
        "matrix": 0,
    }
    assert np.isfinite(dataset.train_loss.values).all()


def test_run_again_it_prints_the_summary_and_trains_nothing(copy, capsys, monkeypatch):
    monkeypatch.setattr(sizing, "build", lambda *_, **__: pytest.fail("built"))
    before = contents(copy)
    assert run("tiny_grid.py", "--out", copy) == 0
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first.startswith("2 cells: ")
    assert second == "run/cells.csv, run/plots/phase_diagram.png, run/report.html"
    after = contents(copy)
    assert set(after) == set(before)
    for name in before:
        if not name.startswith(("plots/", "manifest")):
            assert after[name] == before[name], name


def test_the_manifest_keeps_the_facts_of_the_training(finished, copy):
    before = json.loads((finished / "manifest.json").read_text())
    assert before["command"].startswith("jaxgrok sweep --grid ")
    assert before["begun"] <= before["ended"]
    assert before["grid_file"]["text"] == GRID and before["grid_file"]["sha256"]
    assert run("tiny_grid.py", "--out", copy) == 0
    after = json.loads((copy / "manifest.json").read_text())
    for name in ("begun", "ended", "command", "xla_flags", "versions", "commit"):
        assert after[name] == before[name]


def test_more_seeds_extend_a_directory_and_keep_its_rows(copy):
    before = rows(copy)
    assert run("tiny_grid.py", "--out", copy, "--grid.seed=(1,0)") == 0
    after = rows(copy)
    assert [(row["weight_decay"], row["seed"]) for row in after] == [
        ("0.1", "1"),
        ("0.1", "0"),
        ("1.0", "1"),
        ("1.0", "0"),
    ]
    kept = [row | {"cell": ""} for row in after if row["seed"] == "0"]
    assert kept == [row | {"cell": ""} for row in before]
    assert after[0]["train_loss"] != after[1]["train_loss"]


def test_a_directory_in_use_or_of_something_else_is_refused(here, capsys):
    Path("thesis").mkdir()
    Path("thesis/one.tex").write_text("dear")
    message = refusal(capsys, "tiny_grid.py", "--out", "thesis")
    assert "holds other files (one.tex, …)" in message
    message = refusal(capsys, "tiny_grid.py", "--out", "tiny_grid.py/run")
    assert "cannot be written (Not a directory); choose another folder" in message
    message = refusal(capsys, "tiny_grid.py", "--out", "tiny_grid.py")
    assert "tiny_grid.py is a file; choose a folder" in message
    with run_directory.RunDirectory("held"):
        message = refusal(capsys, "tiny_grid.py", "--out", "held")
    assert f"is held by a running sweep (process {os.getpid()} on " in message


def test_who_trains_there_already_is_named_before_jax_is_imported(here):
    with run_directory.RunDirectory("held"):
        words = ["--grid", "tiny_grid.py", "--out", "held"]
        refused = command_without_jax("jaxgrok.sweep.__main__", words)
        assert refused.returncode == 2
        assert f"(process {os.getpid()} on " in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_directory_by_its_default_name_is_refused_before_the_plan(here, capsys):
    with run_directory.RunDirectory("runs/tiny_grid-laptop"):
        message = refusal(capsys, "tiny_grid.py")
    assert "tiny_grid-laptop is held by a running sweep (process" in message


def test_dry_run_prints_the_plan_and_leaves_nothing(here, capsys, monkeypatch):
    monkeypatch.setattr(plan, "CALIBRATION_SECONDS", 0.05)
    before = sorted(here.rglob("*"))
    assert run("tiny_grid.py", "--dry_run", "--out", "run") == 0
    assert sorted(here.rglob("*")) == before
    shown = capsys.readouterr().out
    assert "laptop scale on" in shown
    for words in (
        "2 cells in 1 group,",
        "n_train 24 padded to 49",
        "less where cells grok early; ",
        "which compiled in ",
        "parameters a model",
    ):
        assert words in shown
    assert "1 block × 2 lanes on 1 device\n" in shown


def test_overrides_reach_the_config(here, seen, capsys):
    assert (
        run(
            "tiny_grid.py",
            "--grid.modulus=5",
            '--grid.seed="(0, 1)"'.replace('"', ""),
            "--grid.weight_decay=0.5",
            "--grid.n_train",
            "(10, 20)",
            "--grid.layer_norm",
            "--grid.operation=x*y",
            "--blocks=3",
            "--out=there",
        )
        == 130
    )
    ((config, out, rest),) = seen
    assert (config.modulus, config.seed, config.weight_decay) == (5, (0, 1), (0.5,))
    assert (config.n_train, config.train_fraction) == ((10, 20), ())
    assert (config.layer_norm, config.operation) == (True, "x*y")
    assert (out, rest["blocks"]) == ("there", 3)
    assert capsys.readouterr().err == (
        "stopped; 0 cells finished; the same command goes on\n"
    )


@pytest.mark.parametrize("spelling", [["--grid", "F:post"], ["--grid=F:post"]])
def test_a_scale_after_the_colon_and_the_folder_named_after_it(here, seen, spelling):
    sweep.main(["sweep", *(word.replace("F", "tiny_grid.py") for word in spelling)])
    run("tiny_grid.py")
    assert [(c.scale, out) for c, out, _ in seen] == [
        ("post", "runs/tiny_grid-post"),
        ("laptop", "runs/tiny_grid-laptop"),
    ]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--grid.seed=[3]", 'seed=[3] is a list; axes are tuples: write seed="(3,)"'),
        ("--grid.steps=45", "steps=45 is not a multiple of eval_every=10; use 50"),
        ("--grid.weight_decay", "Missing value for flag --grid.weight_decay; see --h"),
        ("--blocks=0", "--blocks=0: 0 is not a positive integer"),
        ("--blocks=x", "--blocks=x: invalid literal for int()"),
        ("--block=2", "flag --block is unknown; allowed: --grid, --grid.FIELD, --out"),
        ("more", "argument 'more' is not understood; see --help"),
    ],
)
def test_a_bad_argument_is_one_line(here, capsys, argument, message):
    assert refusal(capsys, "tiny_grid.py", argument).startswith(message)


@pytest.mark.parametrize("override", [[], ["--grid.nope=1"]])
def test_a_broken_grid_file_is_one_line(here, capsys, override):
    Path("broken.py").write_text("def get_config():\n    {}['a']\n")
    message = refusal(capsys, "broken.py", *override)
    assert message == "--grid broken.py, line 2: KeyError: 'a'"


def test_a_grid_file_s_own_mistakes_in_fields_are_one_line(here, capsys):
    Path("tiny_grid.py").write_text(GRID.replace("weight_decay", "weight_dekay"))
    message = refusal(capsys, "tiny_grid.py")
    assert message.startswith("field 'weight_dekay' is unknown; did you mean 'weight_d")
    Path("tiny_grid.py").write_text(GRID.replace("steps=(40,)", "steps=(45,)"))
    assert refusal(capsys, "tiny_grid.py").startswith("steps=45 is not a multiple")


def test_another_sweep_s_directory_is_refused_with_the_difference(copy, capsys):
    before = contents(copy)
    message = refusal(capsys, "tiny_grid.py", "--out", copy, "--grid.modulus=5")
    assert message.startswith("out=")
    assert "holds another sweep: modulus is 7 there and 5 here" in message
    assert contents(copy) == before


def test_no_grid_is_one_line(here, capsys):
    assert sweep.main(["sweep", "--dry_run"]) == 2
    assert capsys.readouterr().err == (
        "error: --grid is missing: name a grid file, or one that is shipped, e.g. "
        "wd_vs_frac\n"
    )


@pytest.mark.process
def test_the_command_itself_is_refused_in_one_line_and_exits_with_2(here):
    found = subprocess.run(
        [sys.executable, "-m", "jaxgrok.sweep", "--grid", "nowhere.py"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr == "error: --grid nowhere.py: there is no such file\n"
    assert found.stdout == ""


@pytest.mark.process
@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2)])
def test_help_needs_no_jax(arguments, code):
    found = command_without_jax("jaxgrok.sweep.__main__", arguments)
    assert (found.returncode, found.stderr) == (code, "")
    for flag in ("--grid FILE[:SCALE]", "--grid.FIELD=VALUE", "--out", "--dry_run"):
        assert flag in found.stdout


def test_from_python_it_returns_the_dataset(copy, finished, capsys):
    config = tiny.config(weight_decay=(0.1, 1.0))
    dataset = jaxgrok.run(config, out=copy, quiet=True)
    assert isinstance(dataset, xr.Dataset)
    assert dataset.identical(jaxgrok.load(finished))
    assert capsys.readouterr() == ("", "")


def test_a_sweep_in_which_cells_failed_ends_with_code_1(here, monkeypatch, capsys):
    def broken(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(sizing, "Engine", broken)
    assert run("tiny_grid.py", "--out", "run") == 1
    said = capsys.readouterr()
    assert said.out.startswith("2 cells: 2 failed\n")
    assert said.err.splitlines()[-1] == (
        "2 cells failed: 0 (weight_decay=0.1, train_fraction=0.5, seed=0), "
        "1 (weight_decay=1.0, train_fraction=0.5, seed=0): a block of 2 lanes does not "
        "fit the device's memory; take a narrower one, --grid.block_width=1 "
        "(RESOURCE_EXHAUSTED: out of memory); the same command tries again"
    )


@pytest.mark.parametrize("flags", [(), ("--dry_run",)], ids=["sweep", "plan"])
def test_a_block_too_wide_is_refused_before_anything_is_made(
    here, monkeypatch, capsys, flags
):
    monkeypatch.setattr(sizing, "_limit", lambda _: 1e4)
    words = refusal(capsys, "tiny_grid.py", *flags)
    assert words.startswith("block_width=2 does not fit the device's memory of 10 kB: ")


def test_the_summary_counts_phases():
    phases = np.array([["grokking", "grokking", "untested"], ["", "ended", ""]], object)
    statuses = np.where(phases == "", "failed", "done").astype(object)
    statuses[1, 2] = ""
    axes = ("weight_decay", "seed")
    dataset = xr.Dataset({"phase": (axes, phases), "status": (axes, statuses)})
    assert sweep.summary(dataset, "runs/x").splitlines() == [
        "6 cells: 2 grokking, 1 untested, 1 failed, 1 ended, 1 pending",
        "runs/x/cells.csv, runs/x/plots/phase_diagram.png, runs/x/report.html",
    ]
