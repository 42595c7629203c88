"""The crossover command: from grid file to figure, and from bad input to one line."""

import os
from pathlib import Path

import handmade
import jax
import pytest

import tiny
from children import command_without_jax
from jaxgrok.crossover import find, report
from jaxgrok.crossover.__main__ import main
from jaxgrok.engine import sizing
from jaxgrok.grid.resolver import resolve
from jaxgrok.results.files.manifest import describe
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import plan
from searches import TINY, WIDTH

GRID = f"""
import tiny
def get_config(scale="auto"):
    config = tiny.config(**{TINY!r})
    config.scale = "laptop"
    return config
"""

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(GRID)


def run(*arguments):
    return main(["crossover", *arguments])


def test_the_command_searches_and_reads_again(capsys):
    width = ("--width", str(WIDTH))
    assert run("--grid", "mine.py", *width, "--blocks", "2", "--out", "a") == 0
    captured = capsys.readouterr()
    assert captured.err.startswith(
        "laptop scale: 2 crossovers to within a factor of 4, in 14 sizes from 6 to 45 "
        "and 4 seeds, up to 120 steps a training\n1 weight_decay="
    )
    lines = captured.out.splitlines()
    table = report.table(find.read("a", width=WIDTH))
    assert lines == [*map(report.line, table), lines[-1]]
    assert lines[-1] == "a/crossover.csv, a/plots/crossover.png"
    before = Path("a/crossover.csv").read_bytes()
    for words, lost in ((), False), (width, False), (width, True):
        if lost:
            Path("a/crossover.csv").unlink()
        assert run("a", *words) == 0
        assert capsys.readouterr().out.splitlines() == lines
        assert Path("a/crossover.csv").read_bytes() == before
    assert run("a", "--width", "1.01") == 0
    table = report.table(find.read("a", width=1.01))
    assert report.read_table("a") == table
    assert capsys.readouterr().out.splitlines()[:-1] == [*map(report.line, table)]
    assert Path("a/crossover.csv").read_bytes() != before


def test_a_sweep_that_is_not_over_is_read_anew_each_time(capsys):
    grid = tiny.config(**TINY | {"weight_decay": (0.1,), "n_train": (9, 24)})
    manifest = describe(resolve(grid))
    results = handmade.all_results(manifest, evals=13)
    handmade.write(Path("a"), manifest, results[:5])
    assert run("a") == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "so far: 3 of 8 cells have no result yet"
    assert not Path("a/crossover.csv").exists()
    handmade.write(Path("a"), manifest, results[5:])
    assert run("a") == 0
    line, last = capsys.readouterr().out.splitlines()
    assert "8 trainings" in line
    assert last == "a/crossover.csv, a/plots/crossover.png"


def test_a_search_in_which_trainings_failed_ends_with_code_1(capsys, monkeypatch):
    def broken(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(sizing, "Engine", broken)
    assert run("--grid", "mine.py", "--out", "a") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert " cells failed: " in last and "(weight_decay=0.1, n_train=" in last
    assert last.endswith(
        "(RESOURCE_EXHAUSTED: out of memory); the same command tries again"
    )


def test_a_dry_run_prints_the_plan_and_leaves_nothing(capsys, monkeypatch):
    monkeypatch.setattr(plan, "CALIBRATION_SECONDS", 0.05)
    assert run("--grid", "mine.py", "--dry_run", "--sizes", "8:40:5") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    headline, cells, group, *_, cost = captured.out.splitlines()
    assert "5 sizes from 8 to 40 and 4 seeds" in headline
    assert headline.endswith("a training; the most that it trains:")
    # Five sizes, four seeds and two weight decays; one program, so one group.
    assert "40 cells in 1 group, up to 120 steps" in cells
    assert "n_train 8 … 40 padded to" in group
    assert "less where cells grok early; " in cost and "which compiled in " in cost
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizes", "40:8"], "sizes=40:8 must be a range"),
        (["--sizes", "8:8"], "sizes=8:8 must be a range"),
        (["--sizes", "0:8"], "at least 1"),
        (["--sizes", "8:40:1"], "count=1 must be 2 … 10000"),
        (["--sizes", "8:40:9999999"], "count=9999999 must be 2 … 10000"),
        (["--sizes", f"1:{10**400}"], "sizes=1:10^400 must be a range"),
        (["--sizes", f"1:{'9' * 5000}"], "write --sizes 300:2000"),
        (["--sizes", "8-40"], "write --sizes 300:2000"),
        (["--sizes", ""], "write --sizes 300:2000"),
        (["--sizes", "40:400:2"], "n_train=400 must be 1 … 49: there are 49"),
        (["--sizes", "8:49"], "n_train=49 leaves no pairs to test on"),
        (["--grid.n_train=(9,)"], "weight_decay=0.0 has one size, 9"),
        (["--grid.seed=(3,)"], "weight_decay=0.0 has one seed, 3"),
        (["--grid.regime=online", "--grid.batch_size=4"], "regime='online' has no"),
        (["--grid.zip=n_train,seed", "--sizes=8:40:4"], "with every seed"),
        (["--grid.train_size=9"], "train_size=9 is less than n_train=12"),
        (["--width", "1"], "width=1.0 must be above 1"),
        (["--width", "wide"], "width"),
        (["--width", "nan"], "width=nan must be above 1"),
        (["--budget", "0"], "budget"),
        (["--known", "nowhere"], "nowhere is not a run directory"),
        (["--nonsense"], "flag --nonsense is unknown; allowed: --grid"),
        (["--grid.modulo=5"], "field 'modulo' is unknown; did you mean 'modulus'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, words):
    before = sorted(Path().rglob("*"))
    assert run("--grid", "mine.py", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith("error: ") and words in line
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere is not a run directory"),
        (["nowhere", "else"], "argument 'else' is not understood"),
        (["nowhere", "--budget", "9"], "--budget needs --grid"),
        (["--width", "2"], "--grid is missing"),
    ],
)
def test_a_directory_that_is_none(capsys, arguments, words):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_a_directory_that_is_held_is_refused_to_a_search_and_to_its_drawing(capsys):
    with RunDirectory("a"):
        for words in (["--grid", "mine.py", "--out", "a"], ["a"]):
            refused = command_without_jax("jaxgrok.crossover.__main__", words)
            assert refused.returncode == 2
            assert f"is held by a running sweep (process {os.getpid()} on " in (
                refused.stderr
            )
            assert refused.stderr.count("\n") == 1


def test_a_width_of_zero_is_not_taken_for_none(capsys):
    assert run("--grid", "mine.py", "--out", "a", "--width", "0") == 2
    assert "width=0.0 must be above 1" in capsys.readouterr().err
