"""A longer budget goes on from the last state, as if the training had never ended."""

import contextlib

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.fleet import continuation
from jaxgrok.results.files import final_states
from jaxgrok.sweep import coordinator, intake, run
from runs import StopAfter, same

SCHEDULE = {"snapshot_every": 30, "snapshot_early_every": 7, "snapshot_early_until": 21}
FIELDS = SCHEDULE | {"seed": (0, 1, 2), "weight_decay": (0.0, 1.0), "snapshots": "all"}


@pytest.fixture
def trained(monkeypatch):
    """Steps that each cell made in this process, summed: what was computed."""
    steps = []
    count = intake.Intake._learn

    def noted(self, report):
        steps.extend(p.dispatch.lane_steps for p in report.seats.values())
        count(self, report)

    monkeypatch.setattr(intake.Intake, "_learn", noted)
    return lambda: [steps.pop() for _ in range(len(steps))]


def train(out, budget, **fields):
    config = tiny.config(**(FIELDS | {"steps": (budget,)} | fields))
    return jaxgrok.run(config, out, blocks=1, quiet=True)


def stop(monkeypatch, out, budget, *, asked):
    """Train, and stop as the user does, after so many answers."""

    @contextlib.contextmanager
    def stopping():
        yield StopAfter(asked)

    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            train(out, budget)


def same_snapshots(one, two):
    for cell in range(len(jaxgrok.open(one))):
        steps, params = jaxgrok.load_trajectory(one, cell)
        other_steps, others = jaxgrok.load_trajectory(two, cell)
        assert steps.tolist() == other_steps.tolist()
        for name, array in params.items():
            np.testing.assert_array_equal(array, others[name], strict=True)


def test_two_longer_budgets_equal_one_training_that_never_stopped(tmp_path, trained):
    for budget in (40, 70, 100):
        train(tmp_path / "a", budget)
        assert sum(trained()) == 6 * (40 if budget == 40 else 30)
    train(tmp_path / "b", 100)
    same(tmp_path / "a", tmp_path / "b")
    # 40 and 70 are on no schedule: they were kept as the last steps of their budgets.
    assert jaxgrok.load_trajectory(tmp_path / "a", 0)[0].tolist() == [
        *(0, 7, 14, 21, 30, 60, 90, 100)
    ]
    same_snapshots(tmp_path / "a", tmp_path / "b")
    assert not list((tmp_path / "a").glob("resume"))


@pytest.mark.long
def test_cells_that_end_by_their_own_rule_at_the_budget_are_over(tmp_path, trained):
    # Their accuracy counts as high from the first evaluation on.
    fields = {"accuracy_threshold": 0.05, "steps_past_grok": 10, "eval_every": 10}
    train(tmp_path / "long", 200, **fields)
    trained()
    ends = set(jaxgrok.cells(tmp_path / "long").steps)
    (budget,) = [int(end) for end in ends if end < 200][:1]
    train(tmp_path / "a", budget, **fields)
    trained()
    train(tmp_path / "a", 200, **fields)
    is_over = jaxgrok.cells(tmp_path / "long").steps <= budget
    left = (jaxgrok.cells(tmp_path / "long").steps - budget)[~is_over].sum()
    assert sum(trained()) == left
    same(tmp_path / "a", tmp_path / "long")
    same_snapshots(tmp_path / "a", tmp_path / "long")


@pytest.mark.long
def test_an_interrupted_extension_goes_on(tmp_path, monkeypatch, trained):
    train(tmp_path / "a", 40)
    stop(monkeypatch, tmp_path / "a", 100, asked=9)
    train(tmp_path / "a", 100)
    assert sum(trained()) == 6 * 100
    train(tmp_path / "b", 100)
    same(tmp_path / "a", tmp_path / "b")
    same_snapshots(tmp_path / "a", tmp_path / "b")


def test_cells_in_flight_go_on_with_the_longer_budget(tmp_path, monkeypatch, trained):
    stop(monkeypatch, tmp_path / "a", 40, asked=12)
    train(tmp_path / "a", 100)
    assert sum(trained()) == 6 * 100
    train(tmp_path / "b", 100)
    same(tmp_path / "a", tmp_path / "b")
    same_snapshots(tmp_path / "a", tmp_path / "b")


@pytest.mark.long
def test_without_final_states_the_result_is_the_same(tmp_path, trained):
    train(tmp_path / "a", 40, final_states="none")
    assert not (tmp_path / "a" / "final_states").exists()
    trained()
    train(tmp_path / "a", 100)
    assert sum(trained()) == 6 * 100
    train(tmp_path / "b", 100)
    same(tmp_path / "a", tmp_path / "b")


def test_snapshots_that_the_first_part_did_not_keep_are_made(tmp_path, trained):
    train(tmp_path / "a", 40, snapshots="none")
    train(tmp_path / "a", 100)
    train(tmp_path / "b", 100)
    same(tmp_path / "a", tmp_path / "b")
    same_snapshots(tmp_path / "a", tmp_path / "b")


def test_only_the_longest_budget_of_a_training_leaves_its_state(tmp_path):
    config = tiny.config(steps=(20, 40), seed=(0, 1))
    jaxgrok.run(config, tmp_path, quiet=True)
    states = final_states.FinalStates(tmp_path)
    for cell in grid.resolve(config).cells:
        assert states.place(cell.kin, below=1000).step == 40
        assert states.place(cell.kin, below=40) is None


def test_final_states_are_kept_while_they_are_small(monkeypatch):
    def keeps(choice):
        return continuation.keeps(grid.resolve(tiny.config(final_states=choice)))

    assert (keeps("small"), keeps("all"), keeps("none")) == (True, True, False)
    monkeypatch.setattr(continuation, "SMALL", 1000)
    assert (keeps("small"), keeps("all"), keeps("none")) == (False, True, False)


def test_the_size_of_final_states_is_that_of_the_lanes_that_are_kept(tmp_path):
    config = tiny.config(seed=(0, 1))
    jaxgrok.run(config, tmp_path, quiet=True)
    resolved, states = grid.resolve(config), final_states.FinalStates(tmp_path)
    places = [states.place(cell.kin, below=41) for cell in resolved.cells]
    lanes = [final_states.read(tmp_path, place) for place in places]
    on_disk = sum(lane.n_bytes - lane.records.nbytes for lane in lanes)
    assert 0.9 < on_disk / continuation.size_of(resolved) <= 1


def test_states_of_other_optimisers_are_refused_with_their_folder(tmp_path):
    config = tiny.config(seed=(0, 1))
    jaxgrok.run(config, tmp_path, quiet=True)
    resolved, states = grid.resolve(config), final_states.FinalStates(tmp_path)
    cell = resolved.cells[0]
    lane = final_states.read(tmp_path, states.place(cell.kin, below=41))
    continuation.refuse_misfits(resolved, {cell.id: lane}, tmp_path)
    leaves = lane.state.leaves[:-1]
    other = lane._replace(state=lane.state._replace(leaves=leaves))
    with pytest.raises(ValueError, match=r"other versions of jaxgrok.*remove it, and"):
        continuation.refuse_misfits(resolved, {cell.id: other}, tmp_path)
