"""What macOS and Windows lack may be missing: the commands work without it."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tiny
from jaxgrok.host import machine, memory
from jaxgrok.host.files.atomic_files import write_atomically

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "jaxgrok").rglob("*.py"))

# Run before anything of jaxgrok is imported: what other systems have is left.
WITHOUT_LINUX = """
import builtins, contextlib, os, pathlib, signal, sys
# Optional packages of xarray load this one, which elsewhere is another one.
with contextlib.suppress(ImportError):
    import psutil
for name in ("sched_getaffinity", "sysconf", "O_DIRECTORY", "fork", "getuid"):
    delattr(os, name)
del signal.SIGHUP
sys.modules["fcntl"] = None  # importing it raises ImportError
"""
WITHOUT_PROC = """
real = pathlib.Path.read_bytes
def read_bytes(path):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", str(path))
    return real(path)
pathlib.Path.read_bytes = read_bytes
exists = pathlib.Path.exists
pathlib.Path.exists = lambda path: not str(path).startswith("/proc") and exists(path)
"""
BODY = """
import warnings
warnings.simplefilter("ignore")  # filelock's own: no flock
import jaxgrok, tiny
from jaxgrok.analyse.__main__ import main as analyse
out = sys.argv[1]
jaxgrok.run(tiny.config(snapshots="all", seed=(0, 1)), out, quiet=True)
jaxgrok.run(tiny.config(snapshots="all", seed=(0, 1, 2)), out, quiet=True)
assert (jaxgrok.load(out).status == "done").all()
assert analyse(["analyse", out, "--cell", "all"]) == 0
"""


def test_cores_are_counted_where_no_process_is_bound_to_some(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


def test_memory_is_a_guess_where_the_machine_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert memory.total(tmp_path) == memory.UNKNOWN


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        (
            "model name\t: Xeon\ncpu family\t: 6\nmodel\t: 85\n",
            "Xeon (family 6 model 85)",
        ),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41 part 0xd0c"),
    ],
)
def test_the_cpu_is_named_by_what_decides_its_instructions(monkeypatch, cpuinfo, name):
    monkeypatch.setattr(Path, "read_bytes", lambda _: cpuinfo.encode())
    assert name in machine._cpu_name()


def test_the_cpu_has_a_name_without_proc(monkeypatch):
    def missing(path):
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "read_bytes", missing)
    assert machine._cpu_name()
    monkeypatch.setattr(
        machine.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, "Apple M2\n"),
    )
    assert machine._cpu_name() == "Apple M2"


def test_files_are_whole_where_folders_cannot_be_opened(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened a folder"))
    write_atomically(tmp_path / "a", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"data"


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(ROOT)))
def test_text_is_read_and_written_as_utf_8_everywhere(file):
    """The default encoding is that of the system: on Windows, another one."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        is_text = name in ("read_text", "write_text")
        if isinstance(node.func, ast.Name) and name == "open" and len(node.args) > 0:
            mode = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
            is_text = "b" not in mode
        names = [keyword.arg for keyword in node.keywords]
        assert not is_text or "encoding" in names, f"{file}:{node.lineno}"


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="nothing to take away")
def test_training_and_analysing_work_without_what_linux_has(tmp_path):
    program = WITHOUT_LINUX + WITHOUT_PROC + BODY
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run")],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        | {"XLA_FLAGS": tiny.UNOPTIMISED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
