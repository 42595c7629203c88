"""`jaxgrok status`: of any run directory, also while it trains, without its lock."""

import json
import shutil
from pathlib import Path

import pytest

import jaxgrok
import tiny
from jaxgrok import status
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import coordinator

OLD = Path(__file__).parent / "formats" / "1"


def said(capsys, *arguments):
    assert status.main(["status", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_it_looks_at_a_run_that_trains(tmp_path, monkeypatch, capsys):
    looks = []

    class Looking(coordinator.Coordinator):
        def _run_chores(self, stop):
            super()._run_chores(stop)
            looks.append(json.loads(said(capsys, tmp_path / "a", "--json")))

    monkeypatch.setattr("jaxgrok.sweep.run.Coordinator", Looking)
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    monkeypatch.setitem(chores.PERIODS, "status", Period(0.0, spacing=0))
    config = tiny.config(seed=(0, 1, 2))
    jaxgrok.run(config, tmp_path / "a", blocks=1, quiet=True)
    assert {look["state"] for look in looks} == {"training"}
    assert [look["done"] for look in looks] == sorted(look["done"] for look in looks)
    assert {look["busy"] for look in looks} >= {1, 2}
    assert looks[-2]["workers"][0]["lanes"] == looks[-2]["lanes"] == 2
    assert looks[-2]["cells"] == 3 and looks[-2]["pace"] > 0
    assert not (tmp_path / "a" / "status.json").exists()
    out = said(capsys, tmp_path / "a")
    assert "finished: 3 of 3 cells · 3 " in out


def test_the_lock_of_a_run_is_no_matter(tmp_path, capsys):
    with RunDirectory(tmp_path / "a"):
        assert said(capsys, tmp_path / "a").startswith("nothing yet: ")


def test_nothing_is_changed(tmp_path, capsys):
    shutil.copytree(OLD, tmp_path / "a")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*")}
    said(capsys, tmp_path / "a")
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "a").rglob("*")}


@pytest.mark.parametrize("flags", [("--watch",), ("--watch", "--json")])
def test_watching_ends_with_the_run(tmp_path, capsys, monkeypatch, flags):
    shutil.copytree(OLD, tmp_path / "old")
    (tmp_path / "a").mkdir()
    waited = []

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            shutil.copytree(OLD, tmp_path / "a", dirs_exist_ok=True)

    monkeypatch.setattr(status.time, "sleep", wait)
    out = said(capsys, tmp_path / "a", *flags)
    assert waited == [status.PERIOD] * 2
    assert out.count("nothing yet") + out.count('"state": "empty"') == 2
    assert out.count("finished") == 1


def test_ctrl_c_ends_the_watching(tmp_path, capsys, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", interrupt)
    assert said(capsys, tmp_path, "--watch").startswith("nothing yet")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere does not exist; name a run directory"),
        (["file"], "file is a file; name a run directory"),
        (
            ["thesis"],
            "thesis holds other files (one.tex, …) and no manifest.json; name a run",
        ),
        (["thesis", "nowhere"], "name one run directory"),
        (["--watch"], "name one run directory"),
        (["thesis", "--jsn"], "flag --jsn is unknown; allowed: --watch, --json"),
    ],
)
def test_anything_else_is_one_line_and_2(
    tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "one.tex").write_text("dear")
    assert status.main(["status", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {words}")
    assert captured.err.count("\n") == 1
