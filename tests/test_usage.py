"""docs/usage.md names every command, flag, exit code and variable of the code."""

import ast
import contextlib
import importlib
import io
import re
from pathlib import Path

import pytest

from jaxgrok import __main__ as console
from jaxgrok.host import command_line, signals

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
COMMANDS = list(console.COMMANDS)


def first_cells(section):
    """What stands in the first column of a section's tables, each in its backticks."""
    rows = re.findall(r"^\| (.+?) \|", SECTIONS[section], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`|\d+", row) if name}


WORKER = "jaxgrok.worker.__main__"


def flags_of(command):
    """The flags that a command has, as it names them where it refuses another one."""
    module = importlib.import_module(console.COMMANDS.get(command, (command,))[0])
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        assert module.main([command, "--nonsense=1"]) == command_line.USAGE
    allowed = errors.getvalue().partition("allowed: ")[2].partition(";")[0]
    return set(allowed.split(", "))


def variables_in(file):
    """Names of environment variables that a module holds."""
    pattern = r"(JAX|XLA|XDG|JAXGROK)_[A-Z_]+|NPROC|HOME"
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(pattern, text):
            yield text


def test_every_command_has_a_section_and_every_section_a_command():
    sections = [name.split()[1] for name in SECTIONS if name.startswith("jaxgrok ")]
    assert sections == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_flags_are_those_of_the_command(command):
    assert first_cells(f"jaxgrok {command}") == flags_of(command)


def test_the_flags_of_a_worker_are_those_of_its_command_and_its_help():
    section = "python -m jaxgrok.worker"
    assert first_cells(section) == flags_of(WORKER)
    usage = importlib.import_module(WORKER).__doc__
    assert flags_of(WORKER) == set(re.findall(r"--\w+", usage))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_names_its_flags(command):
    usage = importlib.import_module(console.COMMANDS[command][0]).__doc__
    words = set(re.findall(r"--[\w.]+", usage))
    assert flags_of(command) <= words


def test_the_exit_codes_are_those_of_the_code():
    rows = re.findall(r"^\| ([\d, ]+) \|", SECTIONS["Exit codes"], re.MULTILINE)
    codes = {int(code) for row in rows for code in row.split(", ")}
    stops = {128 + number for number in signals._SIGNALS}
    assert signals.INTERRUPTED in stops
    assert codes == {0, command_line.FAILED, command_line.USAGE, *stops}


def test_the_variables_are_those_that_the_code_reads():
    files = [*(ROOT / "jaxgrok").rglob("*.py"), ROOT / "setup.py"]
    files.append(ROOT / "tests" / "conftest.py")
    names = {name for file in files for name in variables_in(file)}
    # HOME is read by Python itself.
    assert first_cells("Environment variables") == names | {"HOME"}
