"""Processes share the devices of a machine, and are started again where they die."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import children as module
from jaxgrok.fleet.children import MOST_DEATHS, Children, share
from jaxgrok.host import machine, source

CPU = Platform("cpu", "cpu", 2)


@given(st.integers(1, 16), st.data())
def test_each_device_is_one_processs(devices, data):
    count = data.draw(st.integers(1, devices))
    platform = Platform("gpu", "H100", devices)
    shares = [
        share(platform, index, count)["CUDA_VISIBLE_DEVICES"].split(",")
        for index in range(count)
    ]
    assert sorted(int(d) for mine in shares for d in mine) == list(range(devices))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_cores_are_shared_and_their_threads_are_not(monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    variables = share(Platform("cpu", "cpu", 5), 0, 2)
    assert variables == {machine.CPU_DEVICES: "3", "NPROC": str(machine.cores())}
    monkeypatch.setenv("NPROC", "7")  # is what decides bits, and is passed on
    assert share(Platform("cpu", "cpu", 5), 1, 2) == {machine.CPU_DEVICES: "2"}


def test_a_tpu_process_sees_its_chips_alone():
    variables = share(Platform("tpu", "TPU v5 lite", 4), 1, 2)
    assert variables["TPU_VISIBLE_CHIPS"] == "1,3"
    assert variables["TPU_CHIPS_PER_PROCESS_BOUNDS"] == "1,2,1"
    assert variables["TPU_PROCESS_BOUNDS"] == "1,1,1"


class Fake:
    """A process that ends when told to."""

    def __init__(self, command, *, env, stdout, **_):
        self.command, self.env, self.returncode = command, env, None
        self.is_deaf, self.was_killed = False, False
        stdout.write(b"first\nerror: it does not work\n")

    def poll(self):
        return self.returncode

    def wait(self, seconds=None):
        if self.is_deaf and not self.was_killed:
            raise subprocess.TimeoutExpired("x", seconds)

    def kill(self):
        self.was_killed = True


@pytest.fixture
def made(monkeypatch, tmp_path):
    """All processes so far, and a clock that stands still."""
    made, clock = [], [0.0]

    def popen(*arguments, **options):
        made.append(Fake(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    made_children = Children(2, tmp_path, CPU)
    return made_children, made, clock


@pytest.mark.parametrize(("asked", "seconds"), [("", "25.0"), ("7", "7")])
def test_they_save_as_often_as_one_process_unless_asked(
    monkeypatch, tmp_path, made, asked, seconds
):
    monkeypatch.delenv("JAXGROK_SAVE", raising=False)
    if asked:
        monkeypatch.setenv("JAXGROK_SAVE", asked)
    Children(1, tmp_path, CPU)
    assert made[1][-1].env["JAXGROK_SAVE"] == seconds


def test_one_is_started_for_each_with_its_share_and_a_log(made, tmp_path):
    _, (one, two), _ = made
    assert one.command[:3] == [sys.executable, "-m", "jaxgrok.worker"]
    assert one.command[3] == str(tmp_path) and "--patience=0" in one.command
    assert one.env[machine.CPU_DEVICES] == two.env[machine.CPU_DEVICES] == "1"
    logs = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert logs == ["worker-1.log", "worker-2.log"]


def test_one_that_is_killed_is_started_again_as_often_as_it_takes(made):
    children, processes, clock = made
    for count in range(3, 20):
        clock[0] += module.LEAST_LIFE + 1
        processes[-1].returncode = -9
        children.look_after()
        children.look_after()
        assert len(processes) == count
        assert processes[-1].command == processes[-2].command


def test_those_that_die_young_are_an_error_with_their_last_words(made):
    children, processes, _ = made
    for _ in range(MOST_DEATHS):
        processes[-1].returncode = 2
        children.look_after()
    processes[-1].returncode = 2
    with pytest.raises(ChildProcessError, match=r"code 2 .* error: it does not work"):
        children.look_after()


def test_those_that_do_not_end_are_killed(made):
    children, (one, two), _ = made
    one.is_deaf = True
    children.close()
    assert one.was_killed and not two.was_killed


def test_a_machine_without_a_device_is_one_line(monkeypatch):
    def refuse(*_, **__):
        return subprocess.CompletedProcess([], 1, "", "Traceback\nno TPU found\n")

    monkeypatch.setattr(module.subprocess, "run", refuse)
    module.probe.cache_clear()
    with pytest.raises(ValueError, match=r"no worker can start here: no TPU found$"):
        module.probe()


@pytest.mark.process
def test_they_import_this_very_package_where_the_folder_holds_another(
    tmp_path, monkeypatch
):
    (tmp_path / "jaxgrok").mkdir()
    (tmp_path / "jaxgrok" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    program = "import jaxgrok; print(jaxgrok.__file__)"
    command = [sys.executable, "-c", program]
    same = subprocess.check_output(command, env=module._same_code(), text=True)
    assert same == f"{source.PACKAGE / '__init__.py'}\n"
    other = subprocess.check_output(command, env={}, text=True)
    assert other == f"{tmp_path / 'jaxgrok' / '__init__.py'}\n"
