import pytest
from handmade import rewrite

import reported
from jaxgrok import __main__ as console


def report(*words):
    return console.main(["jaxgrok", "report", *map(str, words)])


@pytest.fixture
def run(tmp_path):
    return reported.write(tmp_path / "run")


def test_the_page_of_a_run_lies_in_its_directory(run, capsys):
    assert report(run) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert (run / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_runs_are_compared_in_a_page_of_their_own(run, tmp_path):
    other = reported.write(tmp_path / "other", draw=1)
    out = tmp_path / "new" / "both.html"
    assert report(run, other, "--out", out) == 0
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{run}", "{run}"], "--out is missing"),
        (["{run}/plots"], "is not a run directory"),
        (["{run}", "--out={run}"], "is a folder"),
        (["--out=x.html"], "name a run directory"),
        (["{run}", "{other}", "--out={run}/x.html"], "different axes"),
        (["{empty}"], "manifest.json is not that of a sweep (it has no cells"),
        (["{run}", "--nonsense"], "flag --nonsense is unknown"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, capsys, words, message):
    if "{other}" in words:
        reported.write(tmp_path / "other", learning_rate=(1e-3, 2e-3))
    if "{empty}" in words:
        rewrite(reported.write(tmp_path / "empty"), cells=[])
    paths = {name: tmp_path / name for name in ("run", "other", "empty")}
    assert report(*(word.format(**paths) for word in words)) == 2
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1
