import numpy as np
import pytest

import jaxgrok
import reported
from jaxgrok.report import curves as module
from jaxgrok.report.curves import curves, thinned
from jaxgrok.report.pack import Packer


@pytest.mark.parametrize("points", [12, 40, 200])
def test_steps_are_thinned_evenly_on_a_log_scale(points):
    kept = thinned(np.arange(0, 100_001, 10), points)
    assert kept[0] == 0 and kept[-1] == 10_000
    assert 0.9 * points <= len(kept) <= points
    assert (np.diff(kept) > 0).all()
    ratios = kept[-5:] / kept[-6:-1]
    assert ratios.max() < 1.02 * ratios.min()


@pytest.mark.parametrize("count", [1, 2, 12])
def test_what_is_short_keeps_every_step(count):
    assert thinned(np.arange(count), 12).tolist() == list(range(count))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return jaxgrok.load(reported.write(tmp_path_factory.mktemp("run"), pending=1))


def test_each_cell_ends_at_its_own_last_evaluation(dataset):
    entry = curves(dataset, Packer())
    failed = dataset.status.values.ravel() == "failed"
    steps = dataset.steps.values.ravel()
    for step, last, has_failed in zip(steps, entry["last_step"], failed, strict=True):
        assert last == (None if has_failed or np.isnan(step) else step)
    assert entry["last_step"][-1] is None


def test_there_is_a_section_for_every_dimension(dataset):
    entry = curves(dataset, Packer())
    assert [section["dim"] for section in entry["sections"]] == ["", "matrix", "freq"]
    assert entry["left_out"] == []
    for section in entry["sections"]:
        for curve in section["curves"]:
            entries = len(section["labels"]) or 1
            assert curve["shape"] == [18, entries, len(entry["steps"]) + 1]


def test_without_room_the_largest_sections_are_left_out_first(dataset):
    entry = curves(dataset, Packer(), room=18 * (6 * 20 - module.ROOM_A_CELL))
    assert [section["dim"] for section in entry["sections"]] == ["", "matrix"]
    assert entry["left_out"] == ["freq"]
    entry = curves(dataset, Packer(), room=-18 * module.ROOM_A_CELL)
    assert [section["dim"] for section in entry["sections"]] == [""]
    assert len(entry["steps"]) <= module.LEAST_POINTS


def test_a_run_without_results_has_no_curves(tmp_path):
    path = reported.write(tmp_path / "run", pending=18)
    assert curves(jaxgrok.load(path), Packer())["steps"] == []
