"""The crossover command: a search in a run directory, from grid file to figure."""

import csv
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.crossover import __main__ as crossover
from jaxgrok.crossover import report, search, settings
from jaxgrok.engine.engine import Engine
from jaxgrok.results import run_directory
from jaxgrok.results.manifest import read_manifest
from jaxgrok.sweep import run as runner
from runs import StopAfter, same

SIZES = tuple(range(6, 46, 3))
FIELDS = {
    "weight_decay": (0.0, 0.1),
    "train_fraction": (),
    "n_train": SIZES,
    "seed": (0, 1, 2, 3),
    "learning_rate": (3e-2,),
    "steps": (120,),
    # Twice what guessing gives: the largest sizes pass, the least do not.
    "accuracy_threshold": 0.25,
    "hold": 1,
}
WIDTH = 4.0


def config(**fields):
    return tiny.config(**(FIELDS | fields))


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished search, and its findings."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return out, crossover.find(config(), out, width=WIDTH, blocks=2, quiet=True)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Every cell of the same grid, at another padding."""
    out = tmp_path_factory.mktemp("swept") / "run"
    jaxgrok.run(config(train_size=max(SIZES) + 2), out, blocks=2, quiet=True)
    return out


def test_a_search_leaves_a_run_directory(whole):
    out, found = whole
    table = rows(out / "crossover.csv")
    assert [row["weight_decay"] for row in table] == ["0.0", "0.1"]
    assert [row["outcome"] for row in table] == [one.outcome for one in found]
    assert (out / "plots/crossover.png").read_bytes()[:4] == b"\x89PNG"
    trained = run_directory.cells(out)
    assert sum(one.trainings for one in found) == len(trained)
    assert 0 < len(trained) < 2 * 4 * len(SIZES)
    assert sum(one.lane_steps for one in found) == sum(row["steps"] for row in trained)
    dataset = jaxgrok.load(out)
    assert dataset.sizes["n_train"] == len(SIZES)
    assert int((dataset.status != "").sum()) == len(trained)
    for row in table:
        assert row["outcome"] == "found", table
        assert int(row["low"]) <= int(row["crossover"]) <= int(row["high"] or 49)


def test_all_sizes_share_one_padded_program(whole):
    groups = read_manifest(whole[0]).groups
    assert [group["train_size"] for group in groups] == [max(SIZES) + 1]


def test_a_training_is_the_sweeps_own_at_that_padding(whole, tmp_path):
    wanted = next(r for r in run_directory.cells(whole[0]) if r["status"] == "done")
    axes = {name: (wanted["axes"][name],) for name in ("weight_decay", "seed")}
    alone = config(n_train=(wanted["n_train"],), train_size=max(SIZES) + 1, **axes)
    jaxgrok.run(alone, tmp_path / "a", quiet=True)
    found = run_directory.read_results(whole[0])[wanted["id"]]
    [other] = run_directory.read_results(tmp_path / "a").values()
    assert other.cell == wanted["id"]
    np.testing.assert_array_equal(found.records, other.records)


def test_asked_again_it_trains_nothing(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    shards = sorted((tmp_path / "a/curves").iterdir())
    again = {"width": WIDTH, "blocks": 2, "quiet": True}
    found = crossover.find(config(), tmp_path / "a", **again)
    assert found == whole[1] == crossover.read(tmp_path / "a", width=WIDTH)
    assert sorted((tmp_path / "a/curves").iterdir()) == shards


def test_going_on_it_uses_what_there_is(tmp_path):
    out = tmp_path / "a"
    first = crossover.find(config(), out, width=4.0, budget=1_500, blocks=2, quiet=True)
    old = run_directory.read_results(out)
    more = crossover.find(config(), out, width=1.2, blocks=2, quiet=True)
    new = run_directory.read_results(out)
    assert len(new) > len(old) == sum(found.trainings for found in first)
    assert len(new) == sum(found.trainings for found in more)
    kept = [name for name in old if old[name].status == "done"]
    assert len(kept) > 4
    for name in kept:
        np.testing.assert_array_equal(old[name].records, new[name].records)


@pytest.mark.parametrize("asked", [3, 20, 47])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(
    whole, tmp_path, monkeypatch, asked
):
    @contextmanager
    def stopping():
        yield StopAfter(asked)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "ANSWER_SECONDS", 0.0)  # a step a dispatch
        patch.setattr(runner, "asked_to_stop", stopping)
        with pytest.raises(runner.Interrupted):
            crossover.find(config(), tmp_path / "a", width=WIDTH, blocks=2, quiet=True)
    crossover.find(config(), tmp_path / "a", width=WIDTH, blocks=2, quiet=True)
    same(tmp_path / "a", whole[0])
    for name in ("cells.csv", "crossover.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_stopped_cell_that_is_wanted_again_survives_a_pause(tmp_path, monkeypatch):
    out = tmp_path / "a"
    crossover.find(config(), out, width=WIDTH, budget=100, blocks=2, quiet=True)
    stopped = {r["id"] for r in run_directory.cells(out) if r["status"] == "stopped"}
    assert stopped
    kept, admit, restore = [], Engine.admit, Engine.restore
    pause = StopAfter(10**6)

    def admitted(self, lanes):
        if stopped & lanes.keys():
            pause.left = min(pause.left, 15)  # it has made some steps by then
        return admit(self, lanes)

    def restored(self, snapshot):
        kept.extend(snapshot.cells)
        restore(self, snapshot)

    @contextmanager
    def stopping():
        yield pause

    monkeypatch.setattr(Engine, "restore", restored)
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "admit", admitted)
        patch.setattr(runner, "ANSWER_SECONDS", 0.0)
        patch.setattr(runner, "asked_to_stop", stopping)
        with pytest.raises(runner.Interrupted):
            crossover.find(config(), out, width=WIDTH, blocks=2, quiet=True)
    found = crossover.find(config(), out, width=WIDTH, blocks=2, quiet=True)
    assert stopped & set(kept)
    assert {one.outcome for one in found} == {"found"}
    rows_now = {row["id"]: row for row in run_directory.cells(out)}
    assert any(rows_now[cell]["status"] == "done" for cell in stopped & set(kept))


def test_a_stopped_cell_has_no_phase_and_a_sweep_trains_it_in_full(
    tmp_path, monkeypatch
):
    out = tmp_path / "a"
    small = {"weight_decay": (1.0,), "n_train": (6, 24, 45), "seed": (0, 1)}
    given_up = []

    def needless(self, steps):
        found = {t: "for a test" for t, made in steps.items() if made == 50}
        if given_up:
            return {}
        for trial in found:
            self.tell(trial, generalised=False, steps=50, over=False)
        given_up.extend(found)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(search.Search, "needless", needless)
        crossover.find(config(**small), out, width=1.01, budget=1, quiet=True)
    assert given_up
    stopped = [row for row in run_directory.cells(out) if row["status"] == "stopped"]
    assert len(stopped) == len(given_up)
    for row in stopped:
        assert (row["phase"], row["grok_step"], row["steps"]) == ("", None, 50)
        assert row["cause"] == "for a test"
    full = config(**small, train_size=46)
    dataset = jaxgrok.run(full, out, quiet=True)
    assert (dataset.status == "done").all()
    jaxgrok.run(full, tmp_path / "b", quiet=True)
    same(out, tmp_path / "b")


def test_a_longer_budget_does_not_take_a_stopped_cell_for_a_finished_one(
    tmp_path, monkeypatch
):
    small = {"weight_decay": (1.0,), "n_train": (6, 45), "seed": (0, 1)}
    crossover.find(config(**small), tmp_path / "a", budget=100, quiet=True)
    assert "stopped" in {row["status"] for row in run_directory.cells(tmp_path / "a")}
    longer = config(**small, train_size=46, steps=(160,))
    dataset = jaxgrok.run(longer, tmp_path / "a", quiet=True)
    censored = dataset.grok_step.isnull()
    assert (dataset.steps.where(censored, 160) == 160).all()


def test_a_search_leaves_the_config_as_it_was(tmp_path):
    mine = config()
    assert crossover.of_one_size(mine).train_size == 46
    assert mine.train_size == 0


def test_a_training_ends_as_it_groks_whatever_the_grid_says(tmp_path):
    longer = config(stop="steps", steps_past_grok=20)
    alone = crossover.of_one_size(longer)
    assert (alone.stop, alone.steps_past_grok) == ("grokked", 0)


def test_a_directory_is_drawn_again_as_it_was_answered(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    found = report.stored(tmp_path / "a")
    assert report.table(found) == report.table(whole[1])
    for one, other in zip(found, whole[1], strict=True):
        assert report.words(one) == report.words(other)
    assert report.stored(tmp_path) is None


def test_a_directory_without_any_test_pairs_is_refused(tmp_path):
    jaxgrok.run(tiny.config(train_fraction=(1.0,)), tmp_path / "a", quiet=True)
    with pytest.raises(ValueError, match="no training with test examples"):
        crossover.read(tmp_path / "a")


def test_cells_without_test_pairs_tell_nothing(tmp_path):
    fractions = config(train_fraction=(0.2, 0.5, 1.0), n_train=(), weight_decay=(0.1,))
    jaxgrok.run(fractions, tmp_path / "a", blocks=2, quiet=True)
    [found] = crossover.read(tmp_path / "a")
    assert found.trainings == 2 * 4


def test_a_finished_sweep_tells_where_to_look(swept, whole, tmp_path):
    read = crossover.read(swept, width=WIDTH)
    learned = crossover.find(
        config(seed=(4, 5, 6, 7)), tmp_path / "a", width=WIDTH, known=swept, quiet=True
    )
    for found, other in zip(learned, read, strict=True):
        assert found.outcome == other.outcome == "found"
        assert found.low <= (other.high or 49) and other.low <= (found.high or 49)
    plain = sum(found.trainings for found in whole[1])
    assert sum(found.trainings for found in learned) < 0.75 * plain


def test_known_trainings_must_be_of_a_setting_searched(swept, tmp_path):
    other = config(modulus=5, n_train=(6, 12, 20))
    with pytest.raises(ValueError, match="holds no training of any setting"):
        crossover.find(other, tmp_path / "a", known=swept)
    assert not (tmp_path / "a").exists()


def test_budgets_of_their_own_belong_to_the_setting():
    zipped = config(weight_decay=(0.1, 1.0), steps=(200, 40), zip="weight_decay, steps")
    found = settings.of_grid(grid.resolve(zipped))
    assert [bracket.steps for bracket in found] == [200, 40]
    assert all(tuple(bracket.sizes) == SIZES for bracket in found)


def test_a_few_trainings_of_a_grid_leave_it_open(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "a")
    shards = sorted((tmp_path / "a/curves").iterdir())
    for shard in shards:
        shard.unlink()
    found = crossover.read(tmp_path / "a")
    assert {one.outcome for one in found} == {"open"}
    assert found[0].trainings == 0


def test_a_spent_budget_is_an_outcome(tmp_path):
    found = crossover.find(config(), tmp_path / "a", width=1.01, budget=100, quiet=True)
    assert {one.outcome for one in found} == {"budget spent"}
    assert {row["cause"] for row in run_directory.cells(tmp_path / "a")} >= {
        "the budget is spent"
    }
    assert "a larger budget" in report.words(found[0])


GRID = f"""
import tiny
def get_config(scale="auto"):
    config = tiny.config(**{FIELDS!r})
    config.scale = "laptop"
    return config
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(GRID)


def run(*arguments):
    return crossover.main(["crossover", *arguments])


def test_the_command_searches_and_reads_again(here, whole, capsys):
    assert (
        run("--grid", "mine.py", "--width", str(WIDTH), "--blocks", "2", "--out", "a")
        == 0
    )
    captured = capsys.readouterr()
    assert captured.err.startswith(
        "laptop scale: 2 crossovers to within a factor of 4, in 14 sizes from 6 to 45 "
        "and 4 seeds, up to 120 steps a training\n1 weight_decay="
    )
    lines = captured.out.splitlines()
    assert lines == [*map(report.words, whole[1]), lines[-1]]
    assert lines[-1] == "a/crossover.csv, a/plots/crossover.png"
    before = (run_directory.Path("a/crossover.csv")).read_bytes()
    assert run("a", "--width", str(WIDTH)) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert (run_directory.Path("a/crossover.csv")).read_bytes() == before


def test_a_dry_run_trains_nothing(here, capsys):
    assert run("--grid", "mine.py", "--dry_run", "--sizes", "8:40:5") == 0
    assert "5 sizes from 8 to 40" in capsys.readouterr().err
    assert not run_directory.Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sizes", "40:8"], "sizes=40:8 must be a range"),
        (["--sizes", "8:8"], "sizes=8:8 must be a range"),
        (["--sizes", "0:8"], "at least 1"),
        (["--sizes", "8:40:1"], "count=1 must be at least 2"),
        (["--sizes", "8-40"], "write --sizes 300:2000"),
        (["--sizes", ""], "write --sizes 300:2000"),
        (["--sizes", "40:400:2"], "n_train=400 must be 1 … 49: there are 49"),
        (["--sizes", "8:49"], "n_train=49 leaves no pairs to test on"),
        (["--grid.n_train=(9,)"], "weight_decay=0.0 has one size, 9"),
        (["--grid.seed=(3,)"], "weight_decay=0.0 has one seed, 3"),
        (["--grid.regime=online", "--grid.batch_size=4"], "regime='online' has no"),
        (["--grid.zip=n_train,seed", "--sizes=8:40:4"], "with every seed"),
        (["--grid.train_size=9"], "train_size=9 is less than n_train=12"),
        (["--width", "1"], "width=1.0 is not allowed; it must be above 1"),
        (["--width", "wide"], "width"),
        (["--budget", "0"], "budget"),
        (["--known", "nowhere"], "nowhere is not a run directory"),
        (["--nonsense"], "flag --nonsense is unknown; allowed: --grid"),
        (["--grid.modulo=5"], "field 'modulo' is unknown; did you mean 'modulus'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(here, capsys, arguments, words):
    before = sorted(run_directory.Path().rglob("*"))
    assert run("--grid", "mine.py", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    assert line.startswith("error: ") and words in line
    assert sorted(run_directory.Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere is not a run directory"),
        (["nowhere", "else"], "argument 'else' is not understood"),
        (["nowhere", "--budget", "9"], "--budget needs --grid"),
        (["--width", "2"], "--grid is missing"),
    ],
)
def test_a_directory_that_is_none(here, capsys, arguments, words):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_settings_of_different_universes_are_searched_one_at_a_time():
    both = config(modulus=(5, 7), train_fraction=(0.3, 0.9), n_train=())
    with pytest.raises(
        ValueError, match=r"25 to 49 examples .* n_train=44 is too much"
    ):
        crossover.of_one_size(both)


def test_sizes_are_even_on_a_log_axis():
    assert grid.sizes(100, 1600, 5) == (100, 200, 400, 800, 1600)
    assert grid.sizes(1, 4, 24) == (1, 2, 3, 4)
