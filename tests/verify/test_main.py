"""The command says what is whole by its exit code, and in one line what is no run."""

import json

import pytest
from handmade import all_results, product, write

from jaxgrok.verify.__main__ import main


@pytest.fixture
def run_dir(tmp_path):
    manifest = product()
    return write(tmp_path / "run", manifest, all_results(manifest))


def test_exit_codes(run_dir, capsys):
    assert main(["verify", str(run_dir), str(run_dir)]) == 0
    assert capsys.readouterr().out.count(": whole ·") == 2
    (run_dir / "cells.csv").unlink()
    assert main(["verify", "--json", str(run_dir)]) == 1
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert fault["file"] == "cells.csv"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere is not a run directory"),
        (["--json"], "name a run directory"),
        (["--colour=1"], "flag --colour is unknown"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys):
    assert main(["verify", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
