"""A search in a run directory: it trains what a sweep would, and no cell twice."""

import csv
import shutil

import numpy as np
import pytest

import jaxgrok
from jaxgrok.crossover import report
from jaxgrok.crossover.find import find, padded_to_largest, read
from jaxgrok.crossover.verdict import Outcome
from jaxgrok.results import run_directory
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.run import open_run
from searches import TINY, WIDTH, config

pytestmark = pytest.mark.usefixtures("undrawn")
SIZES = TINY["n_train"]


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


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


def test_a_spent_budget_is_an_outcome(short):
    out, findings = short
    assert {one.outcome for one in findings} == {Outcome.BUDGET_SPENT}
    causes = {row["cause"] for row in open_run(out).rows()}
    assert "the budget is spent" in causes
    assert "a larger budget" in report.line(report.table(findings)[0])
