"""`python -m jaxgrok.worker`: flags, exit codes, and one line for bad input."""

import pytest

import children
from jaxgrok.fleet import process, rendezvous
from jaxgrok.worker.__main__ import main


@pytest.fixture
def calls(monkeypatch):
    """What `work` was called with."""
    calls = []

    def work(run_dir, **options):
        calls.append((run_dir, options))
        return 143

    monkeypatch.setattr(process, "work", work)
    monkeypatch.setenv(rendezvous.SECRET, "")
    return calls


def test_flags_have_defaults_and_the_exit_code_is_passed_on(calls, tmp_path):
    (tmp_path / "key").write_text("a secret")
    assert main(["worker", "runs/a"]) == 143
    defaults = {"wait": 5.0, "patience": 600.0, "secret": "", "name": ""}
    words = ["--wait=1", "--patience=2", "--name=three", f"--key={tmp_path / 'key'}"]
    assert main(["worker", *words, "runs/a"]) == 143
    others = {"wait": 1.0, "patience": 2.0, "secret": "a secret", "name": "three"}
    assert calls == [("runs/a", defaults), ("runs/a", others)]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--wait=1"], "RUN_DIR must be one folder; 0 were given"),
        (["a", "b"], "RUN_DIR must be one folder; 2 were given"),
        (["--wait=soon", "a"], "wait"),
        (["--workers=2", "a"], "--workers is unknown"),
        (["--key=/nowhere/key", "a"], "/nowhere/key"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_exit_code_2(calls, capsys, words, error):
    assert main(["worker", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and error in said.err and said.err.count("\n") == 1
    assert calls == []


def test_without_a_coordinator_it_is_one_line_and_bounded(tmp_path, capsys):
    assert main(["worker", str(tmp_path), "--wait=0"]) == 2
    said = capsys.readouterr().err
    assert "no coordinator answers" in said and said.count("\n") == 1


@pytest.mark.process
@pytest.mark.parametrize("words", [["--help"], ["--wait=soon"], []])
def test_what_needs_no_jax_does_not_wait_for_it(words):
    done = children.command_without_jax("jaxgrok.worker.__main__", words)
    assert done.returncode in (0, 2), done.stderr
