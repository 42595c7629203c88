"""A sweep that is stopped, killed or extended ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import jax
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.host import machine
from jaxgrok.host.machine import ARITHMETIC
from jaxgrok.sweep import chores, coordinator, run
from jaxgrok.sweep.chores import Period
from runs import FIELDS, StopAfter, same

# Processes that are killed and go on here have the programs that users get.
pytestmark = pytest.mark.usefixtures("shipped")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(tiny.config(**FIELDS), path, blocks=2, quiet=True)
    return path


@pytest.mark.parametrize("answer", [0.0, 100.0])
def test_running_ahead_changes_no_bit_and_overruns_no_lane(
    tmp_path, monkeypatch, answer
):
    fields = {"seed": (0, 1, 2), "steps": (20, 60), "steps_past_grok": 10}
    fields |= {"accuracy_threshold": 0.05, "init_scale": (1.0, 1e30)}
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    jaxgrok.run(tiny.config(**fields), tmp_path / "a", blocks=1, quiet=True)
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", answer)
    dataset = jaxgrok.run(tiny.config(**fields), tmp_path / "b", blocks=1, quiet=True)
    same(tmp_path / "a", tmp_path / "b")
    assert {"done", "diverged"} == set(dataset.status.values.ravel())
    assert len(set(dataset.steps.values.ravel())) > 2


@pytest.mark.parametrize("asked", [1, 2, 5, 9])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(
    whole, tmp_path, monkeypatch, asked
):
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)  # a step a dispatch
    monkeypatch.setitem(chores.PERIODS, "flush", Period(0.0, spacing=10))

    @contextmanager
    def stopping():
        yield StopAfter(7 * asked)

    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
    jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)
    assert not (tmp_path / "a" / "resume").exists()


@pytest.mark.parametrize("asked", [14, 21])
def test_paused_cells_that_find_no_lane_go_on_later(
    whole, tmp_path, monkeypatch, asked
):
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    adopted, adopt = [], Engine.adopt

    @contextmanager
    def stopping():
        yield StopAfter(asked)

    def noted(self, states):
        adopted.append(len(states))
        adopt(self, states)

    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=2, quiet=True)
    monkeypatch.setattr(Engine, "adopt", noted)
    jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)
    counts = [count for count in adopted if count]
    assert (counts[0], sum(counts)) == (2, 4)


def test_more_seeds_and_a_longer_budget_extend(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(seed=(0,)), out, quiet=True)
    jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)
    dataset = jaxgrok.run(tiny.config(seed=(0, 1), steps=(60,)), out, quiet=True)
    assert dataset.sizes["step"] == 7
    jaxgrok.run(tiny.config(seed=(0, 1), steps=(60,)), tmp_path / "b", quiet=True)
    same(out, tmp_path / "b")


def test_a_diverged_cell_stops_alone(tmp_path):
    config = tiny.config(init_scale=(1.0, 1e30))
    dataset = jaxgrok.run(config, tmp_path / "a", quiet=True)
    status = dataset.status.squeeze()
    assert status.sel(init_scale=1.0) == "done"
    assert status.sel(init_scale=1e30) == "diverged"
    assert "not finite at step" in str(dataset.cause.sel(init_scale=1e30).item())
    lost = dataset.sel(init_scale=1e30)
    assert lost.phase.item() == "diverged"
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert np.isnan(lost[name]).all() and np.isnan(lost[f"final_{name}"]).all()
        assert np.isfinite(dataset[name].sel(init_scale=1.0)).all()


def test_another_machine_is_refused_only_while_something_is_pending(
    tmp_path, monkeypatch
):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    bits = machine.bits() | {"cpu_threads": 999}
    monkeypatch.setattr(machine, "bits", lambda: bits)
    jaxgrok.run(tiny.config(), out, quiet=True)
    with pytest.raises(ValueError, match=r"cpu_threads=.* here it is 999"):
        jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)


def test_results_of_an_earlier_arithmetic_are_not_mixed_with_todays(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["bits"]["arithmetic"] = ARITHMETIC - 1
    (out / "manifest.json").write_text(json.dumps(manifest))
    jaxgrok.run(tiny.config(), out, quiet=True)
    words = f"computed with arithmetic={ARITHMETIC - 1}, here it is {ARITHMETIC}"
    with pytest.raises(ValueError, match=words):
        jaxgrok.run(tiny.config(seed=(0, 1)), out, quiet=True)


def test_another_grid_is_refused_and_nothing_is_touched(tmp_path):
    out = tmp_path / "a"
    jaxgrok.run(tiny.config(), out, quiet=True)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match="holds another sweep: modulus is 7 there"):
        jaxgrok.run(tiny.config(modulus=5), out, quiet=True)
    with pytest.raises(ValueError, match="not in this grid"):
        jaxgrok.run(tiny.config(seed=(1,)), out, quiet=True)
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}


SCRIPT = """
import sys, tiny, jaxgrok
from jaxgrok.sweep import chores, coordinator
coordinator.ANSWER_SECONDS = 0.0
often = chores.Period(seconds=0.05, spacing=10)
chores.PERIODS |= {"flush": often, "save": often}
from runs import FIELDS
jaxgrok.run(tiny.config(**FIELDS), sys.argv[1], blocks=1)
"""


@pytest.mark.process
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_it_goes_on_to_the_same_bytes(whole, tmp_path, how):
    out = tmp_path / "a"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out)],
        env=environment,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("resume/[0-9]*[0-9]")) or not list(out.glob("curves/*")):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    done = len(jaxgrok.load(out).phase.values[jaxgrok.load(out).phase.values != ""])
    assert done < 12
    jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    same(out, whole)


def test_a_failing_program_is_reported_and_tried_again(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory\ndetails")

    with monkeypatch.context() as patch:
        patch.setattr(sizing, "Engine", lambda *_, **__: broken())
        dataset = jaxgrok.run(tiny.config(seed=(0, 1)), tmp_path / "a")
    assert (dataset.status == "failed").all()
    assert set(dataset.cause.values.ravel()) == {"RESOURCE_EXHAUSTED: out of memory"}
    assert "failed: RESOURCE_EXHAUSTED" in capsys.readouterr().err
    dataset = jaxgrok.run(tiny.config(seed=(0, 1)), tmp_path / "a", quiet=True)
    assert (dataset.status == "done").all()


def test_the_longest_expected_cells_go_first(tmp_path, monkeypatch):
    admitted = []
    admit = Engine.admit

    def noted(self, lanes):
        admitted.extend((int(x.steps), float(x.weight_decay)) for x in lanes.values())
        return admit(self, lanes)

    monkeypatch.setattr(Engine, "admit", noted)
    config = tiny.config(steps=(10, 30), weight_decay=(0.0, 1.0), seed=(0, 1, 2))
    jaxgrok.run(config, tmp_path / "a", blocks=1, quiet=True)
    assert admitted == sorted(admitted, key=lambda c: (-c[0], c[1]))
    assert len(admitted) == 12
