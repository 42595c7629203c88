"""The command: from a run directory to a table and a figure, or to one line."""

import json

import pytest

import compared
from jaxgrok import __main__ as console
from jaxgrok.comparison.compare import compare
from jaxgrok.comparison.report import text


def run(*words):
    return console.main(["jaxgrok", "compare", *map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    fields = {"optimiser": ("adamw", "adam"), "operation": ("x+y", "x/y")}
    path = tmp_path_factory.mktemp("commands") / "run"
    return compared.write(path, compared.halves, **fields)


def test_it_prints_the_comparison_and_leaves_table_and_figure(folder, tmp_path, capsys):
    assert run(folder, "--baseline=optimiser=adamw") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "\n".join(lines[:-1]) == text(compare(folder, "optimiser=adamw"))
    assert lines[-1] == f"{folder}/compare.csv, {folder}/plots/compare.png"
    out = tmp_path / "paper.pdf"
    export = ["export", str(folder), "--figure", "compare", "--out", str(out)]
    assert console.main(["jaxgrok", *export]) == 0
    assert out.read_bytes().startswith(b"%PDF")


def test_settings_cells_and_step_times_are_as_in_python(folder, tmp_path, capsys):
    times = {"optimiser=adamw": 0.002, "optimiser=adam": 0.001}
    file = tmp_path / "times.json"
    file.write_text(json.dumps(times))
    flags = ("--cell=operation=x/y", "--settings=operation", f"--step_times={file}")
    assert run(folder, "--baseline", "optimiser=adamw", *flags) == 0
    frame = compare(
        folder,
        "optimiser=adamw",
        cell="operation=x/y",
        settings=["operation"],
        step_times=times,
    )
    assert capsys.readouterr().out.startswith(text(frame))


BASELINE = "--baseline=optimiser=adamw"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([BASELINE], "name one run directory"),
        (["{run}"], "--baseline is missing: e.g. --baseline optimiser=adamw"),
        (["{run}/plots", BASELINE], "is not a run directory"),
        (["{run}", "--baseline=optimiser=lion"], "no cell has optimiser=lion; there a"),
        (["{run}", "--baseline=optimizer=adamw"], "axis 'optimizer' is unknown"),
        (["{run}", "--baseline=3"], "baseline '3' must be axis values"),
        (["{run}", BASELINE, "--settings=width"], "settings: axis 'width' is unknown"),
        (["{run}", BASELINE, "--settings="], "settings: axis '' is unknown"),
        (["{run}", BASELINE, "--cell=seed=99"], "no cell has seed=99"),
        (["{run}", BASELINE, "--cell=optimiser=adam"], "no cell has optimiser=adamw"),
        (["{run}", BASELINE, "--cell=optimiser=adamw"], "all cells are of one method"),
        (["{run}", BASELINE, "--cell=seed=3"], "has 1 seed; an interval takes at leas"),
        (["{run}", BASELINE, "--step_times={run}/x"], "No such file"),
        (["{run}", BASELINE, "--step_times={run}/cells.csv"], "is not JSON"),
        (["{run}", BASELINE, "--step_times={list}"], "must hold selectors with second"),
        (["{run}", BASELINE, "--nonsense"], "flag --nonsense is unknown"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder, tmp_path, capsys, words, message
):
    (tmp_path / "list.json").write_text("[1]")
    before = sorted(folder.rglob("*"))
    paths = {"run": folder, "list": tmp_path / "list.json"}
    assert run(*(word.format(**paths) for word in words)) == 2
    output, errors = capsys.readouterr()
    assert message in errors and errors.count("\n") == 1 and output == ""
    assert sorted(folder.rglob("*")) == before
