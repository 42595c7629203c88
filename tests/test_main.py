"""One command in front of all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxgrok import __main__ as console
from jaxgrok import __version__

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", console.COMMANDS)
def test_every_command_has_the_help_of_its_module(capsys, name):
    assert console.main(["jaxgrok", name, "--help"]) == 0
    module = console.COMMANDS[name][0].removesuffix(".__main__")
    assert f"python -m {module}" in capsys.readouterr().out


def test_help_lists_every_command_in_one_line(capsys):
    assert console.main(["jaxgrok", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in console.COMMANDS:
        assert sum(line.split()[:1] == [name] for line in lines) == 1


def test_version_is_the_package_s(capsys):
    assert console.main(["jaxgrok", "--version"]) == 0
    assert capsys.readouterr().out == f"jaxgrok {__version__}\n"


def test_without_a_command_it_prints_the_help_and_exits_with_2(capsys):
    assert console.main(["jaxgrok"]) == 2
    assert capsys.readouterr().out.startswith("usage:")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["swep"], "command swep is unknown; .*; did you mean sweep?"),
        (["x"], "command x is unknown; .*; see --help"),
        (["--versoin"], "flag --versoin is unknown; .*; did you mean --version?"),
        (["sweep", "--gird", "x"], "flag --gird is unknown; .*; did you mean --grid?"),
        (["crossover", "--gird.seed=0"], "flag --gird.seed is unknown; .*--grid?"),
        (["analyse", "runs/x", "--cel=0"], "flag --cel is unknown; .*; .*--cell?"),
        (["export", "runs/x", "--setp=0"], "flag --setp is unknown; .*; .*--step?"),
    ],
)
def test_a_mistyped_word_is_one_line_with_its_nearest_neighbour(capsys, words, message):
    first, _, last = message.partition(".*")
    assert console.main(["jaxgrok", *words]) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.count("\n") == 1
    assert errors.startswith(f"error: {first}")
    assert errors.endswith(f"{last.rpartition('.*')[2]}\n")


def started(*words, **options):
    return subprocess.run(
        words,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.process
def test_help_takes_less_than_half_a_second_and_no_jax():
    seconds = []
    for _ in range(3):  # of the processor: other tests run beside this one
        begin = os.times()
        result = started(sys.executable, "-X", "importtime", "-m", "jaxgrok", "--help")
        used = os.times()
        user = used.children_user - begin.children_user
        seconds.append(user + used.children_system - begin.children_system)
    assert min(seconds) < 0.5
    modules = [line.rpartition("|")[2].strip() for line in result.stderr.splitlines()]
    assert "absl.flags" in modules
    assert not {"jax", "numpy"} & set(modules)


@pytest.mark.process
@pytest.mark.parametrize("command", ["", *console.COMMANDS])
def test_help_into_head_is_quiet(command):
    pipe = f"{sys.executable} -m jaxgrok {command} --help | head -1"
    script = f"{pipe} > /dev/null; echo ${{PIPESTATUS[0]}}"
    result = started("bash", "-c", script)
    assert (result.stdout, result.stderr) == ("0\n", "")
