"""What a coordinator assigns: every cell once, and the same bytes however it goes."""

from contextlib import contextmanager

import fleets
import jax
import numpy as np
import pytest
from handmade import result

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine, ResumeState
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.fleet.messages import (
    Assignment,
    Order,
    Progress,
    Report,
)
from jaxgrok.results.files import resume
from jaxgrok.results.files.resume import Resumable
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.finished_cell import CallbackFailed
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import coordinator, run
from jaxgrok.sweep.archive import Archive
from runs import FIELDS, StopAfter, same


@pytest.mark.parametrize("answer", [pytest.param(0.0, marks=pytest.mark.long), 100.0])
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
    out = tmp_path / "a[1]"  # no pattern of names
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)  # a step a dispatch
    monkeypatch.setitem(chores.PERIODS, "flush", Period(0.0, spacing=10))

    @contextmanager
    def stopping():
        yield StopAfter(7 * asked)

    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    same(out, whole)
    assert not (out / "resume").exists()


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


def test_a_failing_program_is_reported_and_tried_again(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory\ndetails")

    with monkeypatch.context() as patch:
        patch.setattr(sizing, "Engine", lambda *_, **__: broken())
        dataset = jaxgrok.run(tiny.config(seed=(0, 1)), tmp_path / "a")
    assert (dataset.status == "failed").all()
    [cause] = set(dataset.cause.values.ravel())
    assert "--grid.block_width=1 (RESOURCE_EXHAUSTED: out of memory)" in cause
    assert f"failed: {cause}\n" in capsys.readouterr().err
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
    assert admitted[:2] == [(30, 0.0), (30, 1.0)]
    assert [steps for steps, _ in admitted] == 6 * [30] + 6 * [10]


def test_a_callback_gets_every_cell_once_with_its_curves(tmp_path):
    cells = []
    config = tiny.config(seed=(0, 1, 2))
    options = {"blocks": 1, "quiet": True, "on_cell": cells.append}
    dataset = jaxgrok.run(config, tmp_path / "a", **options)
    assert [(cell.done, cell.total) for cell in cells] == [(1, 3), (2, 3), (3, 3)]
    assert sorted(cell.axes["seed"] for cell in cells) == [0, 1, 2]
    for cell in cells:
        losses = dataset.test_loss.squeeze().sel(seed=cell.axes["seed"])
        np.testing.assert_array_equal(cell.curves["test_loss"], losses)
    jaxgrok.run(config, tmp_path / "a", **options)
    assert len(cells) == 3


def test_a_callback_that_fails_costs_no_cell(whole, tmp_path):
    seen = []

    def log(cell):
        seen.append(cell.index)
        if len(seen) == 1:
            raise ConnectionError("no network")

    options = {"blocks": 1, "quiet": True, "on_cell": log}
    with pytest.raises(CallbackFailed, match=r"ConnectionError: no network.*is saved"):
        jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", **options)
    assert len(jaxgrok.cells(tmp_path / "a")) >= 2
    jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", **options)
    same(tmp_path / "a", whole)
    # Those that ended beside it, too.
    assert sorted(seen) == [*range(12)]


def test_a_callback_that_fails_as_the_last_snapshots_are_saved_costs_none(tmp_path):
    seen = []

    def log(cell):
        seen.append(cell.index)
        raise ConnectionError("no network")

    # Results wait for their snapshots, which are written last.
    config = tiny.config(seed=(0, 1, 2, 3), snapshots="all")
    with pytest.raises(CallbackFailed):
        jaxgrok.run(config, tmp_path / "a", blocks=2, quiet=True, on_cell=log)
    assert len(jaxgrok.cells(tmp_path / "a")) == 4
    assert sorted(seen) == [*range(4)]


def test_cells_that_fail_are_handed_over_too(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(sizing, "Engine", broken)
    cells = []
    config = tiny.config(seed=(0, 1))
    jaxgrok.run(config, tmp_path / "a", quiet=True, on_cell=cells.append)
    assert [cell.row["status"] for cell in cells] == ["failed"] * 2
    assert [cell.curves["step"].size for cell in cells] == [0, 0]


def report(progress, *results):
    return Report("a", fleets.CPU, {0: progress}, results)


def test_nothing_new_starts_beside_a_lane_that_was_saved_inside_a_chunk(tmp_path):
    resolved = grid.resolve(tiny.config(seed=(0, 1, 2, 3)))
    one, two, three, four = resolved.cells
    free = Progress(0, lanes=4, free=4)
    ahead = free._replace(free=3, busy={two.id: 20})
    lanes = {
        cell.id: SavedLane(ResumeState(offset, [np.zeros(1)]), np.zeros((2, 5)))
        for cell, offset in ((two, 4), (three, 0))
    }
    results = [result(cell) for cell in resolved.cells]
    fleet = fleets.Script(
        report(Progress()),
        report(free),
        report(ahead),
        report(free, *results),
        report(free),
    )
    with RunDirectory(tmp_path / "a") as directory:
        Archive(resolved, directory).write_manifest()
    resume.save(tmp_path / "a", "a", Resumable(lanes, {}, {}), eval_every=10)
    assert fleets.train(tmp_path / "a", resolved, fleet)
    assert fleet.sent[0] == Order({0: Assignment(0, n_cells=4)})
    assert [list(order.assignments[0].start) for order in fleet.sent[1:-1]] == [
        [two.id],
        [three.id, one.id, four.id],
    ]


@pytest.mark.parametrize("errors", [1, 2])
def test_a_fleet_that_fails_costs_no_result(tmp_path, errors):
    resolved = grid.resolve(tiny.config(seed=(0, 1, 2, 3)))
    one, two, *_ = resolved.cells
    free = Progress(0, lanes=4, free=4)
    fleet = fleets.Script(
        report(Progress()),
        report(free),
        report(free, result(one), result(two)),
        # Another one as all is saved behind the first, or a worker that answers.
        *[ConnectionError(f"error {n}") for n in range(errors)],
        *[report(free), report(free)],
    )
    with pytest.raises(ConnectionError, match=f"error {errors - 1}"):
        fleets.train(tmp_path / "a", resolved, fleet)
    assert len(jaxgrok.cells(tmp_path / "a")) == 2
    assert len(fleet.answers) == (2 if errors == 2 else 0)
