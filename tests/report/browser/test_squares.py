"""The squares of the page say what the dataset says."""

import numpy as np
import pandas as pd
import pytest

import browsed
import jaxgrok
import reported

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("seed", range(3))
def test_every_square_says_what_the_dataset_says(show, tmp_path, seed):
    path = reported.write(
        tmp_path / "run", pending=seed, draw=seed, learning_rate=(1e-3, 2e-3)
    )
    dataset = jaxgrok.load(path)
    file = reported.page(path)
    tab = show(file)
    browsed.check(tab, dataset)
    for x, y in [("train_fraction", "weight_decay"), ("seed", "learning_rate")]:
        tab = show(file, f"#x={x}&y={y}&colour=grok_step")
        browsed.check(tab, dataset, x=x, y=y)
    tab = show(file, "#at.learning_rate=0.002&at.seed=0")
    browsed.check(tab, dataset.isel(learning_rate=[1], seed=[0]))


def test_there_are_as_many_squares_as_cells_csv_has(show, tmp_path):
    path = reported.write(tmp_path / "run")
    tab = show(reported.page(path))
    table = pd.read_csv(path / "cells.csv")
    count = len(table.groupby(["weight_decay", "train_fraction"]))
    assert tab.locator("[role=gridcell]").count() == count


def test_runs_are_compared_square_by_square_on_one_scale(show, tmp_path):
    paths = [
        reported.write(tmp_path / "one"),
        reported.write(tmp_path / "two", draw=1, seed=(1, 2, 5)),
    ]
    fragment = "#colour=grok_step&at.seed=2&open=square-0-1-1%20square-1-1-1"
    tab = show(reported.page(*paths), fragment)
    for index, path in enumerate(paths):
        dataset = jaxgrok.load(path)
        known = browsed.expected(
            dataset.isel(seed=[dataset.seed.values.tolist().index(2)])
        )
        shown = tab.eval_on_selector_all(
            f"[id^=square-{index}-]",
            "nodes => nodes.map(n => [n.id, n.dataset.phases])",
        )
        assert {tuple(map(int, name.split("-")[2:])): p for name, p in shown} == {
            place: phases for place, (phases, _, _) in known.items()
        }
    assert tab.locator('[aria-selected="true"]').count() == 2
    assert tab.locator("#members td:has-text('two')").count() == 1


def test_crossovers_lie_between_the_squares_of_their_sizes(show, tmp_path):
    path = reported.write(tmp_path / "run")
    sizes = jaxgrok.load(path).n_train.values
    few, many = sizes.min(), sizes.max()
    middle = round(float(np.sqrt(few * many)))
    table = (
        f"weight_decay,outcome,crossover,low,high\n0.1,found,{middle},{few},{many}\n"
    )
    (path / "crossover.csv").write_text(table + f"1.0,below,,,{few}\n")
    tab = show(reported.page(path))
    lines = tab.locator(".crossover")
    assert lines.count() == 2
    interval, crossover = (lines.nth(i).bounding_box() for i in range(2))
    upper, lower = (tab.locator(f"#square-0-{row}-1").bounding_box() for row in (1, 0))
    assert abs(crossover["y"] - lower["y"]) < 4
    assert abs(interval["y"] - (upper["y"] + upper["height"] / 2)) < 4
    tab.locator("#controls select").nth(1).select_option("seed")
    assert tab.locator(".crossover").count() == 0
