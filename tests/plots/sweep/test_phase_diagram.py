"""The phase diagram: the gathered numbers by hand, then that the figure says them."""

import numpy as np
import pytest
import xarray as xr
from drawn import (
    FRACTIONS,
    NAN,
    SHAPE,
    STEP,
    WEIGHT_DECAYS,
    as_cells,
    legend,
    note,
    phase_table,
    squares,
    texts,
)

from jaxgrok.plots import style
from jaxgrok.plots.labels import grok_text
from jaxgrok.plots.sweep import phase_diagram
from jaxgrok.results.dataset import LABELS
from jaxgrok.results.phase_grid import gather

pytestmark = pytest.mark.filterwarnings("error")


def says(grid, row, column):
    """The text of a square."""
    names = ("median", "budget", "end_step", "grokked", "tested")
    return grok_text(**{name: getattr(grid, name)[row, column] for name in names})


def test_counts_are_by_square_and_label():
    found = gather(phase_table())
    assert (found.x, found.y, found.over) == (
        "weight_decay",
        "train_fraction",
        ("seed",),
    )
    assert found.x_values.tolist() == WEIGHT_DECAYS
    assert found.y_values.tolist() == FRACTIONS
    # rows: fraction 0.3, 0.7; columns: weight decay 0, 0.1, 1
    expected = {
        "memorisation": [[2, 0, 0], [1, 0, 0]],
        "grokking": [[0, 0, 0], [1, 2, 0]],
        "comprehension": [[0, 0, 0], [0, 0, 1]],
        "confusion": [[0, 1, 0], [0, 0, 0]],
        "diverged": [[0, 0, 2], [0, 0, 1]],
        "pending": [[0, 1, 0], [0, 0, 0]],
    }
    nothing = np.zeros((2, 3), int).tolist()
    for label in LABELS:
        assert found.counts[label].tolist() == expected.get(label, nothing), label
    assert sum(found.counts.values()).sum() == np.prod(SHAPE)


def test_median_and_fractions_by_hand():
    found = gather(phase_table())
    np.testing.assert_array_equal(found.median, [[NAN] * 3, [1600, 1500, 500]])
    assert found.grokked.tolist() == [[0, 0, 0], [1, 2, 1]]
    assert found.tested.tolist() == [[2, 1, 2], [2, 2, 2]]
    words = [[says(found, row, column) for column in range(3)] for row in (0, 1)]
    assert words == [[">5k", ">5k", "–"], ["1.6k\n1/2", "1.5k", "500\n1/2"]]


@pytest.mark.parametrize(
    ("steps", "median", "text"),
    [
        ([100, 300, 200], 200, "200"),
        ([100, 300, NAN], 300, "300\n2/3"),  # not 200: the censored one is later
        ([100, NAN, NAN], NAN, ">5k\n1/3"),
        ([NAN, NAN, NAN], NAN, ">5k"),
        ([100, 300, NAN, NAN], 300, "300\n2/4"),
        ([100, NAN, NAN, NAN], NAN, ">5k\n1/4"),
    ],
)
def test_a_censored_seed_is_later_than_any(steps, median, text):
    phase = ["grokking" if s > 0 else "memorisation" for s in steps]
    dataset = xr.Dataset(
        {
            "phase": ("seed", np.array(phase, object)),
            "status": ("seed", np.array(["done"] * len(steps), object)),
            "grok_step": ("seed", np.array(steps, float)),
            "steps": ("seed", np.full(len(steps), 5000)),
        },
        {"seed": range(len(steps)), "weight_decay": 1.0, "train_fraction": 0.5},
    )
    found = gather(dataset)
    assert found.median.shape == (1, 1)
    np.testing.assert_array_equal(found.median, [[median]])
    assert says(found, 0, 0) == text


def test_a_censored_square_names_the_step_that_all_its_seeds_were_followed_to():
    steps = np.full(SHAPE, 5000)
    steps[0, 0] = (4000, 3000)
    found = gather(phase_table(steps=steps))
    assert says(found, 0, 0) == ">3k"
    stopped = phase_table()
    stopped["test_accuracy"][0, 0, 1, STEP > 2000] = np.nan
    assert says(gather(stopped), 0, 0) == ">2k"


def test_untested_and_failed_cells_are_no_censored_ones():
    phase = phase_table()["phase"].values
    phase[0, 0] = "untested"
    phase[1, 0] = ""
    status = np.where(phase == "", "failed", "done").astype(object)
    found = gather(phase_table(phase=phase, status=status))
    assert found.counts["untested"][0, 0] == found.counts["failed"][0, 1] == 2
    assert found.tested[0].tolist() == [0, 0, 2]
    assert says(found, 0, 0) == says(found, 0, 1) == "–"


def test_a_training_that_ended_early_is_neither_memorised_nor_censored():
    dataset = phase_table()
    dataset["phase"][0, 0] = "ended"
    dataset["test_accuracy"][0, 0, 1, STEP > 2000] = np.nan
    dataset["phase"][0, 1, 0] = "ended"
    found = gather(dataset)
    assert found.counts["ended"][:, 0].tolist() == [2, 1]
    assert found.tested[:, 0].tolist() == [0, 1]
    np.testing.assert_array_equal(found.end_step[:, 0], [2000, 5000])
    assert np.isnan(found.budget[:, 0]).all()
    assert says(found, 0, 0) == "end\n2k"
    assert says(found, 1, 0) == "1.6k"  # of the seed that is known
    figure = phase_diagram(dataset)
    assert "ended" in legend(figure)
    assert "end N: ended at step N" in note(figure)
    left, right = figure.axes[:2]
    hatch = style.PHASE_FILLS["ended"].hatch
    assert [s.hatch for s in squares(left)[:2]] == [
        hatch,
        style.PHASE_FILLS["confusion"].hatch,
    ]
    assert squares(right)[0].hatch == hatch


@pytest.mark.parametrize("order", [None, list(reversed(range(12)))])
def test_the_cell_form_gathers_the_same(order):
    product, cells = gather(phase_table()), gather(as_cells(phase_table(), order))
    assert (cells.x, cells.y, cells.over) == (product.x, product.y, product.over)
    for name in (
        "x_values",
        "y_values",
        "median",
        "grokked",
        "tested",
        "budget",
        "end_step",
    ):
        np.testing.assert_array_equal(getattr(cells, name), getattr(product, name))
    for label in LABELS:
        np.testing.assert_array_equal(cells.counts[label], product.counts[label])


def test_axes_that_are_not_varied_give_way():
    one_decay = phase_table().isel(weight_decay=[1])
    found = gather(one_decay)  # seed is never an axis by itself
    assert (found.x, found.y) == ("weight_decay", "train_fraction")
    assert found.median.shape == (2, 1)
    renamed = phase_table().rename(weight_decay="learning_rate")
    found = gather(renamed)
    assert (found.x, found.y) == ("learning_rate", "train_fraction")
    both = renamed.rename(train_fraction="modulus")
    found = gather(both)
    assert (found.x, found.y) == ("learning_rate", "modulus")
    scalar = phase_table().isel(weight_decay=1, train_fraction=1, seed=0)
    assert gather(scalar).median.tolist() == [[1000]]


def test_other_varied_axes_are_gathered_and_named():
    dataset = phase_table().rename(seed="learning_rate")
    assert gather(dataset).over == ("learning_rate",)
    assert "cells disagree" in note(phase_diagram(dataset))
    assert "a square gathers learning_rate" in note(phase_diagram(dataset))


def test_n_train_may_be_an_axis():
    found = gather(phase_table(), y="n_train")
    assert found.y_values.tolist() == [288, 672]
    assert found.over == ("seed",)
    np.testing.assert_array_equal(found.median, gather(phase_table()).median)
    figure = phase_diagram(phase_table(), y="n_train")
    assert figure.axes[0].get_ylabel() == "training examples n_train"


def test_an_unknown_axis_or_phase_is_refused():
    with pytest.raises(ValueError, match="axis='wieght_decay' is not in the dataset"):
        gather(phase_table(), x="wieght_decay")
    with pytest.raises(ValueError, match="phase='grokked' is unknown; choose one of"):
        gather(phase_table(phase=np.full(SHAPE, "grokked", object)))


def test_the_legend_lists_only_what_is_present():
    figure = phase_diagram(phase_table())
    assert legend(figure) == [
        "comprehension",
        "grokking",
        "memorisation",
        "confusion",
        "diverged",
        "pending",
        "censored: not within the budget",
    ]
    assert note(figure) == "split square: seeds disagree; n/m: n of m seeds grokked"
    settled = phase_diagram(phase_table().isel(weight_decay=[1], train_fraction=[1]))
    assert legend(settled) == ["grokking"]
    assert note(settled) == ""


def test_a_pending_seed_does_not_disagree():
    square = phase_table().isel(weight_decay=[1], train_fraction=[0])
    figure = phase_diagram(square)
    assert legend(figure)[:2] == ["confusion", "pending"]
    assert note(figure) == ""


def test_a_mixed_square_is_divided_by_its_seeds():
    axes = phase_diagram(phase_table()).axes[0]
    strips = {}
    for square in squares(axes):
        strips.setdefault((square.row, square.column), []).append(
            (round(square.width / 0.92, 6), square.colour)
        )
    assert len(strips) == 6
    mixed = {at for at, parts in strips.items() if len(parts) > 1}
    assert mixed == {(0, 1), (1, 0), (1, 2)}
    for at, parts in strips.items():
        assert len({color for _, color in parts}) == len(parts)
        widths = [width for width, _ in parts]
        assert widths == ([0.5, 0.5] if at in mixed else [1.0])


def test_the_diagram_writes_what_was_gathered():
    figure = phase_diagram(phase_table())
    left, right = figure.axes[:2]
    assert sorted(texts(right)) == sorted(
        [">5k", ">5k", "–", "1.6k\n1/2", "1.5k", "500\n1/2"]
    )
    assert left.get_xlabel() == "weight decay"
    assert left.get_ylabel() == "train fraction"
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["0", "0.1", "1"]
    assert figure.get_suptitle() == "wd_vs_frac · test"
    bar = right.child_axes[0]
    assert bar.get_yscale() == "log"
    assert bar.get_ylabel() == "median grok step"


def test_a_number_contrasts_with_its_square():
    right = phase_diagram(phase_table()).axes[1]
    grey = (0.299, 0.587, 0.114)
    for square, text in zip(squares(right), right.texts, strict=True):
        fill = np.dot(square.colour[:3], grey)
        ink = {"white": 1.0, "black": 0.0}[text.get_color()]
        assert abs(fill - ink) >= 0.5


def test_phase_colours_differ_in_grey():
    figure = phase_diagram(phase_table())
    handles = figure.legends[0].legend_handles[:5]
    greys = [np.dot(h.get_facecolor()[:3], (0.299, 0.587, 0.114)) for h in handles]
    assert min(np.diff(sorted(greys))) > 0.1


def test_a_grok_step_of_zero_has_a_colour():
    right = phase_diagram(phase_table(grok_step=np.zeros(SHAPE))).axes[1]
    assert set(texts(right)) == {"0"}
    assert right.child_axes[0].get_ylim()[0] > 0
    assert all(square.colour[3] == 1 for square in squares(right))
