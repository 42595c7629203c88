"""The crossover figure says what crossover.csv and the cells say."""

import numpy as np
import pytest
import xarray as xr

from jaxgrok.plots.sweep import crossover

pytestmark = pytest.mark.filterwarnings("error")

SIZES, SEEDS, DECAYS = [100, 200, 400], [0, 1], [0.1, 1.0]
SHAPE = (2, 3, 2)


def dataset():
    """Weight decay 0.1 never generalises; 1.0 does from 200 on, one cell is stopped."""
    phase = np.full(SHAPE, "memorisation", object)
    phase[1, 1:] = "grokking"
    status = np.full(SHAPE, "done", object)
    phase[0, 0], status[0, 0] = "", ""  # not trained
    phase[1, 0, 1], status[1, 0, 1] = "", "stopped"
    axes = ("weight_decay", "n_train", "seed")
    return xr.Dataset(
        {"phase": (axes, phase), "status": (axes, status)},
        {"weight_decay": DECAYS, "n_train": SIZES, "seed": SEEDS},
        {"title": "x+y mod 7 · test"},
    )


def rows():
    none = {"weight_decay": 0.1, "outcome": "no size generalises"}
    found = {"weight_decay": 1.0, "outcome": "found"}
    return [
        none | {"crossover": None, "low": 400, "high": None},
        found | {"crossover": 150, "low": 120, "high": 190},
    ]


def drawn(axes, place):
    """Marks around a setting: (size, hollow) of each."""
    return sorted(
        (float(size), line.get_markerfacecolor() == "none")
        for line in axes.lines
        if line.get_marker() == "o" and abs(line.get_xdata()[0] - place) < 0.4
        for size in line.get_ydata()
    )


def test_every_training_is_a_mark_and_a_stopped_one_is_hollow():
    [axes] = crossover(dataset(), rows()).axes
    assert drawn(axes, 0) == [(200, False)] * 2 + [(400, False)] * 2
    assert drawn(axes, 1) == [(100, False), (100, True)] + [
        (size, False) for size in (200, 200, 400, 400)
    ]


def test_the_interval_is_a_bar_with_an_arrow_where_it_is_open():
    [axes] = crossover(dataset(), rows()).axes
    segments = [
        segment.round(2).tolist()
        for lines in axes.collections
        for segment in lines.get_segments()
    ]
    assert [[1, 120], [1, 190]] in segments
    assert [[0.62, 150], [1.38, 150]] in segments
    arrows = {
        line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_marker() in "^v"
    }
    assert arrows == {"^": (0, 400)}


def test_the_axes_are_named_and_the_legend_has_what_is_there():
    figure = crossover(dataset(), rows())
    [axes] = figure.axes
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.1", "1"]
    assert axes.get_xlabel() == "weight decay"
    assert axes.get_title() == "x+y mod 7 · test"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[1:] == ["grokking", "memorisation", "stopped"]


def test_a_training_that_says_nothing_has_a_mark_of_its_own():
    found = dataset()
    found["phase"][0, 1, 0], found["phase"][0, 1, 1] = "untested", "ended"
    figure = crossover(found, rows())
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[3:] == ["untested", "ended", "stopped"]
    marks = {line.get_marker() for line in figure.axes[0].lines}
    assert {"s", "D"} < marks and drawn(figure.axes[0], 0) == [(400, False)] * 2


def test_settings_of_several_axes_and_parts_without_one():
    flat = dataset().stack(cell=("weight_decay", "n_train", "seed"), create_index=False)
    part = np.where(flat.weight_decay == 0.1, "sgd", "adam").astype(object)
    flat = flat.assign_coords(part=("cell", part))
    decay = flat.weight_decay.where(flat.weight_decay > 0.5)
    flat = flat.assign_coords(weight_decay=decay)
    table = [
        {"part": "sgd"} | rows()[0] | {"weight_decay": np.nan},
        {"part": "adam"} | rows()[1],
    ]
    [axes] = crossover(flat, table).axes
    assert len(drawn(axes, 0)) == 4 and len(drawn(axes, 1)) == 6
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "sgd\n–",
        "adam\n1",
    ]
