"""Processes of this machine: what they import, and their share of the devices."""

import subprocess
import sys

import pytest

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import children
from jaxgrok.host import machine, source


@pytest.mark.process
def test_they_import_this_very_package_where_the_folder_holds_another(
    tmp_path, monkeypatch
):
    (tmp_path / "jaxgrok").mkdir()
    (tmp_path / "jaxgrok" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    program = "import jaxgrok; print(jaxgrok.__file__)"
    command = [sys.executable, "-c", program]
    same = subprocess.check_output(command, env=children._same_code(), text=True)
    assert same == f"{source.PACKAGE / '__init__.py'}\n"
    other = subprocess.check_output(command, env={}, text=True)
    assert other == f"{tmp_path / 'jaxgrok' / '__init__.py'}\n"


def test_devices_of_a_cpu_are_shared_and_threads_are_not(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 5)
    monkeypatch.delenv("NPROC", raising=False)
    cpu = Platform("cpu", "cpu", 5)
    shares = [children.share(cpu, i, 2) for i in range(2)]
    assert [share[machine.CPU_DEVICES] for share in shares] == ["3", "2"]
    assert {share["NPROC"] for share in shares} == {"5"}
    monkeypatch.setenv("NPROC", "7")
    assert "NPROC" not in children.share(cpu, 0, 2)


def test_every_gpu_is_in_one_share():
    gpu = Platform("gpu", "H100", 3)
    shares = [children.share(gpu, i, 2) for i in range(2)]
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["0,2", "1"]
