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
from jaxgrok.engine import sizing
from jaxgrok.results import run_directory
from jaxgrok.sweep import __main__ as sweep
from jaxgrok.sweep import estimate
from jaxgrok.sweep import run as runner

ROOT = Path(__file__).parents[2]
GRID = '''"""A tiny sweep."""
from jaxgrok import grid


def get_config(scale="laptop"):
    config = grid.base(scale)
    config.update(modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16, block_width=2)
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
def finished(tmp_path_factory):
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
        raise runner.Interrupted("stopped; 0 cells are finished")

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
    assert second == "run/cells.csv, run/plots/phase_diagram.png"
    after = contents(copy)
    assert set(after) == set(before)
    for name in before:
        if not name.startswith(("plots/", "manifest")):
            assert after[name] == before[name], name


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


def test_another_sweep_s_directory_is_refused_with_the_difference(copy, capsys):
    before = contents(copy)
    for override, words in (
        ("modulus=5", "modulus is 7 there and 5 here"),
        ("weight_decay=(0.1,)", "weight_decay is"),
        ("d_model=16", "d_model is 8 there and 16 here"),
    ):
        message = refusal(capsys, "tiny_grid.py", "--out", copy, f"--grid.{override}")
        assert message.startswith("out=")
        assert f"holds another sweep: {words}" in message
        assert "use another --out" in message
        assert "beta1" not in message
        assert contents(copy) == before


def test_another_machine_s_directory_is_refused_with_the_difference(copy, capsys):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["bits"]["jaxlib"] = "0.0.1"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    message = refusal(capsys, "tiny_grid.py", "--out", copy, "--grid.seed=(0,1)")
    assert "was computed with jaxlib=0.0.1" in message


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
    assert f"is held by a running sweep (process {os.getpid()})" in message


def test_dry_run_prints_the_plan_and_leaves_nothing(here, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "CALIBRATION_SECONDS", 0.05)
    before = sorted(here.rglob("*"))
    assert run("tiny_grid.py", "--dry_run", "--out", "run") == 0
    assert sorted(here.rglob("*")) == before
    shown = capsys.readouterr().out
    assert "laptop scale on" in shown
    for words in (
        "2 cells in 1 group,",
        "n_train 24 padded to 49",
        "compiled in ",
        "parameters a model",
    ):
        assert words in shown
    assert "1 block × 2 lanes on 1 device, " in shown


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
        "stopped; 0 cells are finished; the same command goes on\n"
    )


def test_a_part_of_a_chain_can_be_overridden(here, seen):
    text = GRID.replace(
        "    return", "    config.chain.a = dict(seed=(5,))\n    return"
    )
    Path("tiny_grid.py").write_text(text)
    run("tiny_grid.py", "--grid.chain.a.seed=(7, 8)")
    assert seen[0][0].chain.a.seed == (7, 8)


@pytest.mark.parametrize("spelling", [["--grid", "F:post"], ["--grid=F:post"]])
def test_a_scale_after_the_colon_and_the_folder_named_after_it(here, seen, spelling):
    sweep.main(["sweep", *(word.replace("F", "tiny_grid.py") for word in spelling)])
    run("tiny_grid.py")
    assert [(c.scale, out) for c, out, _ in seen] == [
        ("post", "runs/tiny_grid-post"),
        ("laptop", "runs/tiny_grid-laptop"),
    ]


BAD_ARGUMENTS = [
    ("--grid.nope=1", r"field 'nope' is unknown; allowed: accuracy_threshold, "),
    (
        "--grid.weight_dekay=(1,)",
        "field 'weight_dekay' is unknown; did you mean 'weight_decay'? allowed: ",
    ),
    ("--grid.seed.x=1", "field 'seed.x' is unknown; did you mean 'seed'?"),
    ("--grid.chain.a=1", "field 'chain.a' is unknown; allowed: none"),
    ("--grid.seed=[0, 1]", "seed=[0, 1] is a list; axes are tuples: write "),
    ("--grid.seed=[3]", 'seed=[3] is a list; axes are tuples: write seed="(3,)"'),
    ("--grid.seed=(0,", "seed=(0, is not understood; write a value like (0,)"),
    ("--grid.seed=abc", "seed='abc' must be a whole number"),
    ("--grid.seed=()", "seed=() is empty; give at least one value"),
    ("--grid.modulus=x", "modulus=x is not understood; write a value like 7"),
    ("--grid.d_model=2.5", "d_model=2.5 is not understood; write a value like 8"),
    ("--grid.layer_norm=maybe", "layer_norm=maybe is not understood; write a value l"),
    ("--grid.train_fraction=1.5", "train_fraction=1.5 must be in (0, 1]"),
    ("--grid.n_train=50", "n_train=50 must be 1 … 49: there are 49 training pairs"),
    ("--grid.steps=45", "steps=45 is not a multiple of eval_every=10; use 50"),
    ("--grid.operation=x^y", "operation='x^y' must be one of x+y"),
    ("--grid.task=none", "task='none' is unknown; choose one of modular"),
    ("--grid.scale=post", "scale=post is not an override; write --grid FILE:post"),
    ("--grid.weight_decay", "Missing value for flag --grid.weight_decay; see --help"),
    ("--blocks=0", "--blocks=0: 0 is not a positive integer"),
    ("--blocks=x", "--blocks=x: invalid literal for int()"),
    ("--block=2", "flag --block is unknown; allowed: --grid, --grid.FIELD, --out"),
    ("more", "argument 'more' is not understood; see --help"),
]


@pytest.mark.parametrize(
    ("argument", "message"), BAD_ARGUMENTS, ids=[a for a, _ in BAD_ARGUMENTS]
)
def test_a_bad_argument_is_one_line(here, capsys, argument, message):
    assert refusal(capsys, "tiny_grid.py", argument).startswith(message)


def test_a_list_may_also_stand_after_a_space(here, capsys):
    message = refusal(capsys, "tiny_grid.py", "--grid.seed", "[0, 1]")
    assert message == 'seed=[0, 1] is a list; axes are tuples: write seed="(0, 1)"'


def test_division_by_a_composite_modulus_is_one_line(here, capsys):
    bad = ("--grid.operation=x/y", "--grid.modulus=10")
    message = refusal(capsys, "tiny_grid.py", *bad)
    assert message.startswith("operation='x/y' needs a prime modulus, got modulus=10")


BAD_TASKS = [
    (["--grid.task=digits", "--grid.digits=0"], "digits=0 must be at least 1"),
    (
        ["--grid.task=repeats", "--grid.repeat_length=60"],
        "repeat_length=60 does not fit: length=16 is 2 parts of 8 tokens",
    ),
    (
        ["--grid.task=trigrams", "--grid.large=1"],
        "large=1 must be at least 2",
    ),
    (
        ["--grid.task=digits", "--grid.digits=1", "--grid.n_train=(101,)"],
        "n_train=101 must be 1 … 100: there are 100 different examples",
    ),
    (
        ["--grid.n_train=(50,)"],
        "n_train=50 must be 1 … 49: there are 49 training pairs",
    ),
    (
        ["--grid.model=mlp", "--grid.attention_only=True"],
        "attention_only=True: an MLP has no attention",
    ),
    (["--grid.task=digits", "--grid.model=mlp"], "model='mlp' cannot read this task"),
    (["--grid.task=digits"], "train_fraction=0.5 needs a task whose examples can be"),
    (
        ["--grid.regime=online"],
        "batch_size=0 must be at least 1 where regime is online",
    ),
    (["--grid.regime=both"], "regime='both' must be one of finite, online"),
    (
        ["--grid.optimiser=lion"],
        "optimiser='lion' is unknown; choose one of adamw, adam, sgd",
    ),
    (["--grid.momentum=(1.0,)"], "momentum=1.0 must be in [0, 1)"),
    (["--grid.dropout=(1.0,)"], "dropout=1.0 must be in [0, 1)"),
    (["--grid.decay_on=W_X"], "decay_on='W_X': 'W_X' fits no parameter; there are"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_TASKS, ids=lambda x: str(x)[:40])
def test_what_a_task_cannot_do_is_one_line(here, capsys, arguments, message):
    assert refusal(capsys, "tiny_grid.py", *arguments).startswith(message)


def test_an_unknown_scale_is_one_line(here, capsys):
    message = refusal(capsys, "tiny_grid.py:huge")
    assert message.endswith("scale='huge' is unknown; choose one of post, laptop, auto")
    assert message.startswith("--grid tiny_grid.py, line 6: ")


BROKEN_FILES = [
    ("def get_config(\n", ", line 1: '(' was never closed"),
    ("x = 1\n\nif x\n", ", line 3: expected ':'"),
    ("x = 1\n", " defines no get_config(scale); see sweeps/"),
    ("get_config = 3\n", " defines no get_config(scale); see sweeps/"),
    ("\ndef get_config():\n    1 / 0\n", ", line 3: ZeroDivisionError: division by"),
    ("def get_config():\n    {}['a']\n", ", line 2: KeyError: 'a'"),
    ("def get_config():\n    open('no')\n", ", line 2: FileNotFoundError: "),
    ("import nosuch\n", ", line 1: ModuleNotFoundError: No module named 'nosuch'"),
    ("def get_config(): pass\n", ": get_config returned None; return the config that"),
    ("def get_config(): return dict(a=1)\n", ": get_config returned {'a': 1}; return"),
    ("a\x00b", ": SyntaxError: source code string cannot contain null bytes"),
    (
        "from jaxgrok import grid\n\ndef get_config():\n    grid.base('laptop').nope\n",
        ", line 4: AttributeError: \"'nope'\"",
    ),
    (
        GRID.replace("(0.1, 1.0)", "[0.1, 1.0]"),
        ", line 9: weight_decay=[0.1, 1.0] is a list; axes are tuples: write (0.1, 1",
    ),
    (
        GRID.replace("(0.1, 1.0)", "1.0"),
        ", line 9: weight_decay=1.0 is a float; axes are tuples: write (1.0,)",
    ),
]


@pytest.mark.parametrize(
    ("text", "message"), BROKEN_FILES, ids=range(len(BROKEN_FILES))
)
@pytest.mark.parametrize("override", [[], ["--grid.nope=1"]])
def test_a_broken_grid_file_is_one_line(here, capsys, text, message, override):
    Path("broken.py").write_text(text)
    found = refusal(capsys, "broken.py", *override)
    assert found.startswith(f"--grid broken.py{message}")


def test_a_grid_file_s_own_mistakes_in_fields_are_one_line(here, capsys):
    Path("tiny_grid.py").write_text(GRID.replace("weight_decay", "weight_dekay"))
    message = refusal(capsys, "tiny_grid.py")
    assert message.startswith("field 'weight_dekay' is unknown; did you mean 'weight_d")
    Path("tiny_grid.py").write_text(GRID.replace("steps=(40,)", "steps=(45,)"))
    assert refusal(capsys, "tiny_grid.py").startswith("steps=45 is not a multiple")
    text = GRID.replace('(scale="laptop")', "()").replace("(scale)", "('laptop')")
    Path("tiny_grid.py").write_text(text)
    message = refusal(capsys, "tiny_grid.py:post")
    assert "get_config() takes 0 positional arguments but 1 was given" in message


@pytest.mark.parametrize("grid", ["nowhere.py", ".", "nowhere.py:post"])
def test_a_missing_grid_file_is_one_line(here, capsys, grid):
    file = grid.split(":")[0]
    assert refusal(capsys, grid) == f"--grid {file}: there is no such file"


def test_no_grid_is_one_line(here, capsys):
    assert sweep.main(["sweep", "--dry_run"]) == 2
    assert capsys.readouterr().err == (
        "error: --grid is missing: name a grid file, e.g. sweeps/wd_vs_frac.py\n"
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
    program = (
        "import sys; from jaxgrok.sweep import __main__ as sweep; "
        f"code = sweep.main(['sweep', *{arguments}]); "
        "assert 'jax' not in sys.modules; sys.exit(code)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
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
        "1 (weight_decay=1.0, train_fraction=0.5, seed=0): RESOURCE_EXHAUSTED: out of "
        "memory; the same command tries again"
    )


def test_the_summary_counts_phases():
    phases = np.array([["grokking", "grokking", "untested"], ["", "ended", ""]], object)
    statuses = np.where(phases == "", "failed", "done").astype(object)
    statuses[1, 2] = ""
    axes = ("weight_decay", "seed")
    dataset = xr.Dataset({"phase": (axes, phases), "status": (axes, statuses)})
    assert sweep.summary(dataset, "runs/x").splitlines() == [
        "6 cells: 2 grokking, 1 untested, 1 failed, 1 ended, 1 pending",
        "runs/x/cells.csv, runs/x/plots/phase_diagram.png",
    ]
