"""A search that the user stops, and cells that a search stops, can go on."""

import shutil
from contextlib import contextmanager

import pytest

import jaxgrok
from jaxgrok.crossover import search
from jaxgrok.crossover.find import find
from jaxgrok.crossover.stopping import Cause, Stop
from jaxgrok.crossover.verdict import Outcome
from jaxgrok.engine.engine import Engine
from jaxgrok.results.run import open_run
from jaxgrok.sweep import coordinator
from jaxgrok.sweep import run as runner
from runs import StopAfter, same
from searches import WIDTH, config

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(3, marks=pytest.mark.long),
        20,
        pytest.param(47, marks=pytest.mark.long),
    ],
)
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(
    whole, tmp_path, monkeypatch, asked
):
    @contextmanager
    def stopping():
        yield StopAfter(asked)

    with monkeypatch.context() as patch:
        patch.setattr(coordinator, "ANSWER_SECONDS", 0.0)  # a step a dispatch
        patch.setattr(runner, "asked_to_stop", stopping)
        with pytest.raises(runner.Interrupted):
            find(config(), tmp_path / "a", width=WIDTH, blocks=2, quiet=True)
    find(config(), tmp_path / "a", width=WIDTH, blocks=2, quiet=True)
    same(tmp_path / "a", whole[0])
    for name in ("cells.csv", "crossover.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_stopped_cell_that_is_wanted_again_survives_a_pause(
    short, tmp_path, monkeypatch
):
    out = tmp_path / "a"
    shutil.copytree(short[0], out)
    stopped = {r["id"] for r in open_run(out).rows() if r["status"] == "stopped"}
    assert stopped
    saved, admit, adopt = [], Engine.admit, Engine.adopt
    pause = StopAfter(10**6)

    def admitted(self, lanes):
        if stopped & lanes.keys():
            pause.left = min(pause.left, 15)  # it has made some steps by then
        return admit(self, lanes)

    def adopted(self, states):
        saved.extend(states)
        adopt(self, states)

    @contextmanager
    def stopping():
        yield pause

    monkeypatch.setattr(Engine, "adopt", adopted)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "admit", admitted)
        patch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
        patch.setattr(runner, "asked_to_stop", stopping)
        with pytest.raises(runner.Interrupted):
            find(config(), out, width=WIDTH, blocks=2, quiet=True)
    findings = find(config(), out, width=WIDTH, blocks=2, quiet=True)
    assert stopped & set(saved)
    assert {one.outcome for one in findings} == {Outcome.FOUND}
    by_id = {row["id"]: row for row in open_run(out).rows()}
    assert any(by_id[cell_id]["status"] == "done" for cell_id in stopped & set(saved))


def test_a_stopped_cell_has_no_phase_and_a_sweep_trains_it_in_full(
    tmp_path, monkeypatch
):
    out = tmp_path / "a"
    small = {"weight_decay": (1.0,), "n_train": (6, 24, 45), "seed": (0, 1)}
    given_up = []

    def needless(self, steps):
        if given_up:
            return {}
        given_up.extend(trial for trial, count in steps.items() if count == 50)
        for trial in given_up:
            self.report(trial, generalised=False, steps=50, stopped=True)
        return dict.fromkeys(given_up, Stop(Cause.BUDGET_SPENT, 0, 0))

    with monkeypatch.context() as patch:
        patch.setattr(search.Search, "needless", needless)
        find(config(**small), out, width=1.01, budget=1, quiet=True)
    assert given_up
    stopped = [row for row in open_run(out).rows() if row["status"] == "stopped"]
    assert len(stopped) == len(given_up)
    for row in stopped:
        assert (row["phase"], row["grok_step"], row["steps"]) == ("", None, 50)
        assert row["cause"] == "the budget is spent"
    full = config(**small, train_size=49)
    dataset = jaxgrok.run(full, out, quiet=True)
    assert (dataset.status == "done").all()
    jaxgrok.run(full, tmp_path / "b", quiet=True)
    same(out, tmp_path / "b")


def test_a_longer_budget_does_not_take_a_stopped_cell_for_a_finished_one(tmp_path):
    small = {"weight_decay": (1.0,), "n_train": (6, 45), "seed": (0, 1)}
    find(config(**small), tmp_path / "a", budget=100, quiet=True)
    assert "stopped" in {row["status"] for row in open_run(tmp_path / "a").rows()}
    longer = config(**small, train_size=49, steps=(160,))
    dataset = jaxgrok.run(longer, tmp_path / "a", quiet=True)
    censored = dataset.grok_step.isnull()
    assert (dataset.steps.where(censored, 160) == 160).all()
