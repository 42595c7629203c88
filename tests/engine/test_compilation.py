"""The options that programs are compiled with, in tests as for users."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import tiny
from jaxgrok.engine import compilation

TRAIN = """
import hashlib
import engines, tiny
from jaxgrok.engine.engine import Engine
group = tiny.group()
engine = Engine(group.setup, block_width=2, blocks=1)
for cell, rows in engines.curves(engine, group, group.cells).items():
    print(cell, hashlib.sha256(rows.tobytes()).hexdigest())
"""


@pytest.mark.process
def test_trainings_as_shipped_have_the_bits_of_a_process_without_flags(shipped, capsys):
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    environ.pop("XLA_FLAGS", None)
    command = [sys.executable, "-c", TRAIN]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, check=True, timeout=120
    )
    exec(TRAIN, {})
    assert capsys.readouterr().out == done.stdout != ""


def test_an_option_that_this_xla_lacks_is_left_out():
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    (device, *_) = jax.local_devices()
    program = compilation.compiled(lowered, device, {"xla_cpu_no_such_option": True})
    assert program(1.0) == 2.0


def test_a_flag_of_the_user_wins(monkeypatch):
    (device, *_) = jax.local_devices()
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(compilation, "CPU_OPTIONS", {"xla_a": "1"})
    assert compilation.options(device, {"xla_b": "2"}) == {"xla_a": "1", "xla_b": "2"}
    monkeypatch.setenv("XLA_FLAGS", "--xla_b=3")
    assert compilation.options(device, {"xla_b": "2"}) == {"xla_a": "1"}


def test_a_gpus_products_are_not_measured_unless_the_user_asks(monkeypatch):
    class Device:
        platform = "gpu"

    monkeypatch.delenv("XLA_FLAGS", raising=False)
    # Options of programs of CPUs are none of a GPU's.
    chosen = compilation.options(Device(), {"xla_b": "2"})
    assert chosen == compilation.GPU_OPTIONS
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_autotune_level=4")
    chosen = compilation.options(Device())
    assert "xla_gpu_autotune_level" not in chosen and len(chosen) == 2


def test_the_test_processes_hide_their_own_flags():
    assert os.environ.get("XLA_FLAGS") != tiny.UNOPTIMISED
