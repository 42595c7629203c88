"""A search in a run directory: it trains what a sweep would, stops, and goes on."""

import csv
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.figure import Figure

import jaxgrok
import tiny
from jaxgrok.crossover import report, search
from jaxgrok.crossover.find import find, padded_to_largest, read
from jaxgrok.crossover.stopping import Cause, Stop
from jaxgrok.crossover.verdict import Outcome
from jaxgrok.engine.engine import Engine
from jaxgrok.results import run_directory
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.run import open_run
from jaxgrok.sweep import coordinator
from jaxgrok.sweep import run as runner
from runs import StopAfter, same
from searches import TINY, WIDTH

SIZES = TINY["n_train"]


def config(**fields):
    return tiny.config(**(TINY | fields))


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def draw_nothing(patch):
    """Leave figures empty: drawing them takes longer than training does."""
    patch.setattr(Figure, "savefig", lambda self, path, **how: path.touch())


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    draw_nothing(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished search with its figures, and its findings."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return out, find(config(), out, width=WIDTH, blocks=2, quiet=True)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Every cell of the same grid, at another padding."""
    out = tmp_path_factory.mktemp("swept") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        jaxgrok.run(config(train_size=49), out, blocks=2, quiet=True)
    return out


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A search whose budget of lane-steps is soon spent, and its findings."""
    out = tmp_path_factory.mktemp("short") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        findings = find(config(), out, width=WIDTH, budget=100, blocks=2, quiet=True)
    return out, findings


def test_a_callback_gets_every_training_of_a_search(whole, tmp_path):
    cells = []
    options = {"width": WIDTH, "blocks": 2, "quiet": True, "on_cell": cells.append}
    findings = find(config(), tmp_path / "a", **options)
    assert findings == whole[1]
    handed = {cell.index: cell.row["status"] for cell in cells}
    assert handed == {row["cell"]: row["status"] for row in open_run(whole[0]).rows()}
    assert {cell.total for cell in cells} == {None}
    count = len(cells)
    find(config(), tmp_path / "a", **options)
    assert len(cells) == count


def test_a_search_leaves_a_run_directory(whole):
    out, findings = whole
    table = rows(out / "crossover.csv")
    assert [row["weight_decay"] for row in table] == ["0.0", "0.1"]
    assert [row["outcome"] for row in table] == [one.outcome for one in findings]
    assert (out / "plots/crossover.png").read_bytes()[:4] == b"\x89PNG"
    trained = open_run(out).rows()
    assert sum(one.trainings for one in findings) == len(trained)
    assert 0 < len(trained) < 2 * 4 * len(SIZES)
    lane_steps = sum(row["steps"] for row in trained)
    assert sum(one.lane_steps for one in findings) == lane_steps
    dataset = jaxgrok.load(out)
    assert dataset.sizes["n_train"] == len(SIZES)
    assert int((dataset.status != "").sum()) == len(trained)
    for row in table:
        assert row["outcome"] == "found", table
        assert int(row["low"]) <= int(row["crossover"]) <= int(row["high"] or 49)


def test_all_sizes_share_one_padded_program(whole):
    groups = read_manifest(whole[0]).groups
    assert [group.train_size for group in groups] == [7**2]


def test_a_training_is_the_sweeps_own_at_that_padding(whole, tmp_path):
    wanted = next(r for r in open_run(whole[0]).rows() if r["status"] == "done")
    axes = {name: (wanted["axes"][name],) for name in ("weight_decay", "seed")}
    alone = config(n_train=(wanted["n_train"],), train_size=7**2, **axes)
    jaxgrok.run(alone, tmp_path / "a", quiet=True)
    result = run_directory.read_results(whole[0])[wanted["id"]]
    [other] = run_directory.read_results(tmp_path / "a").values()
    assert other.cell_id == wanted["id"]
    np.testing.assert_array_equal(result.records, other.records)


def test_asked_again_it_trains_nothing(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    shards = sorted((tmp_path / "a/curves").iterdir())
    again = {"width": WIDTH, "blocks": 2, "quiet": True}
    findings = find(config(), tmp_path / "a", **again)
    assert findings == whole[1] == read(tmp_path / "a", width=WIDTH)
    assert sorted((tmp_path / "a/curves").iterdir()) == shards


def test_going_on_it_uses_what_there_is(tmp_path):
    out = tmp_path / "a"
    first = find(config(), out, width=4.0, budget=1_500, blocks=2, quiet=True)
    old = run_directory.read_results(out)
    more = find(config(), out, width=1.2, blocks=2, quiet=True)
    new = run_directory.read_results(out)
    assert len(new) > len(old) == sum(one.trainings for one in first)
    assert len(new) == sum(one.trainings for one in more)
    finished = [name for name in old if old[name].status == "done"]
    assert len(finished) > 4
    for name in finished:
        np.testing.assert_array_equal(old[name].records, new[name].records)


@pytest.mark.parametrize("asked", [3, 20, 47])
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


def test_a_search_leaves_the_config_as_it_was():
    original = config()
    assert padded_to_largest(original).train_size == 49
    assert original.train_size == 0


def test_a_training_ends_as_it_groks_whatever_the_grid_says():
    padded = padded_to_largest(config(stop="steps", steps_past_grok=20))
    assert (padded.stop, padded.steps_past_grok) == ("grokked", 0)


def test_settings_of_different_universes_are_searched_one_at_a_time():
    both = config(modulus=(5, 7), train_fraction=(0.3, 0.9), n_train=())
    with pytest.raises(
        ValueError, match=r"25 to 49 examples .* n_train=44 is too much"
    ):
        padded_to_largest(both)


def test_a_directory_is_drawn_again_as_it_was_answered(whole):
    stored = report.read_table(whole[0])
    table = report.table(whole[1])
    assert [report.line(row) for row in stored] == [report.line(row) for row in table]


def test_cells_without_test_pairs_tell_nothing(tmp_path):
    fractions = {"train_fraction": (0.2, 0.5, 1.0), "n_train": (), "train_size": 49}
    grid = config(**fractions, weight_decay=(0.1,))
    jaxgrok.run(grid, tmp_path / "a", blocks=2, quiet=True)
    [finding] = read(tmp_path / "a")
    assert finding.trainings == 2 * 4


def test_a_directory_without_any_test_pairs_is_refused(tmp_path):
    everything = {"train_fraction": (1.0,), "n_train": (), "train_size": 49}
    grid = config(**everything, weight_decay=(0.1,), seed=(0, 1))
    jaxgrok.run(grid, tmp_path / "a", blocks=2, quiet=True)
    with pytest.raises(ValueError, match="no training with test examples"):
        read(tmp_path / "a")


def test_a_finished_sweep_tells_where_to_look(swept, whole, tmp_path):
    finished = read(swept, width=WIDTH)
    primed = find(
        config(seed=(4, 5, 6, 7)), tmp_path / "a", width=WIDTH, known=swept, quiet=True
    )
    for one, other in zip(primed, finished, strict=True):
        assert one.outcome == other.outcome == Outcome.FOUND
        assert one.low <= (other.high or 49) and other.low <= (one.high or 49)
    plain = sum(one.trainings for one in whole[1])
    assert sum(one.trainings for one in primed) < 0.75 * plain


def test_known_trainings_must_be_of_a_setting_searched(short, tmp_path):
    other = config(modulus=5, n_train=(6, 12, 20))
    with pytest.raises(ValueError, match="holds no training of any setting"):
        find(other, tmp_path / "a", known=short[0])
    assert not (tmp_path / "a").exists()


def test_a_grid_without_any_result_leaves_it_open(whole, tmp_path):
    (tmp_path / "a").mkdir()
    shutil.copy(whole[0] / "manifest.json", tmp_path / "a")
    findings = read(tmp_path / "a")
    assert {one.outcome for one in findings} == {Outcome.OPEN}
    assert findings[0].trainings == 0


def test_a_spent_budget_is_an_outcome(short):
    out, findings = short
    assert {one.outcome for one in findings} == {Outcome.BUDGET_SPENT}
    causes = {row["cause"] for row in open_run(out).rows()}
    assert "the budget is spent" in causes
    assert "a larger budget" in report.line(report.table(findings)[0])
