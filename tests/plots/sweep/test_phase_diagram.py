"""Plots: the gathered numbers by hand, then that the figures say them."""

import itertools

import numpy as np
import pytest
import xarray as xr
from matplotlib.patches import Rectangle

from jaxgrok.plots.files import save
from jaxgrok.plots.labels import grok_text, short
from jaxgrok.plots.sweep import MOST_CURVES, curves, phase_diagram
from jaxgrok.results.columns import LABELS
from jaxgrok.results.phase_grid import gather

pytestmark = pytest.mark.filterwarnings("error")

NAN = float("nan")
WEIGHT_DECAYS, FRACTIONS, SEEDS = [0.0, 0.1, 1.0], [0.3, 0.7], [0, 1]
SHAPE = (3, 2, 2)
STEP = np.arange(0, 5001, 250)
# [weight_decay][train_fraction][seed]: phase, grok step
TABLE = [
    [
        [("memorisation", NAN), ("memorisation", NAN)],
        [("memorisation", NAN), ("grokking", 1600)],
    ],
    [
        [("confusion", NAN), ("", NAN)],
        [("grokking", 1000), ("grokking", 2000)],
    ],
    [
        [("diverged", NAN), ("diverged", NAN)],
        [("comprehension", 500), ("diverged", NAN)],
    ],
]


def _dataset(**replaced) -> xr.Dataset:
    """The table as a product grid; `replaced` are per-cell variables [3, 2, 2]."""
    axes = ("weight_decay", "train_fraction", "seed")
    cells = [cell for row in TABLE for square in row for cell in square]
    phase = np.array([phase for phase, _ in cells], dtype=object).reshape(SHAPE)
    per_cell = {
        "phase": phase,
        "status": np.where(phase == "", "pending", "done").astype(object),
        "memorise_step": np.where(phase == "confusion", np.nan, 250.0),
        "grok_step": np.array([step for _, step in cells], float).reshape(SHAPE),
        "n_train": np.broadcast_to(np.array([288, 672])[:, None], SHAPE).copy(),
        "steps": np.full(SHAPE, 5000),
    } | replaced
    falling = np.broadcast_to(np.exp(-STEP / 500), (*SHAPE, len(STEP)))
    curve = np.where((phase == "")[..., None], np.nan, falling)
    names = ("train_loss", "test_loss", "max_train_loss")
    per_step = {name: curve.copy() for name in names}
    per_step |= {name: 1 - curve for name in ("train_accuracy", "test_accuracy")}
    return xr.Dataset(
        {name: (axes, value) for name, value in per_cell.items()}
        | {name: ((*axes, "step"), value) for name, value in per_step.items()}
        | {"sum_of_squares": ((*axes, "matrix"), np.ones((*SHAPE, 2)))},
        dict(zip(axes, (WEIGHT_DECAYS, FRACTIONS, SEEDS), strict=True))
        | {"step": STEP, "matrix": ["W_E", "W_U"]},
        {"title": "wd_vs_frac · test", "steps": 5000},
    )


def _as_cells(dataset: xr.Dataset, order=None) -> xr.Dataset:
    """The same cells along one `cell` dimension."""
    axes = dataset["phase"].dims
    flat = dataset.stack(cell=axes, create_index=False)
    flat = flat.transpose("cell", ...)
    return flat if order is None else flat.isel(cell=order)


def _legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def _note(figure) -> str:
    return figure.legends[0].get_title().get_text()


def _texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_counts_are_by_square_and_label():
    found = gather(_dataset())
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
    found = gather(_dataset())
    np.testing.assert_array_equal(found.median, [[NAN] * 3, [1600, 1500, 500]])
    assert found.grokked.tolist() == [[0, 0, 0], [1, 2, 1]]
    assert found.tested.tolist() == [[2, 1, 2], [2, 2, 2]]
    words = [[grok_text(found, row, column) for column in range(3)] for row in (0, 1)]
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
    assert grok_text(found, 0, 0) == text


def test_a_censored_square_names_the_step_that_all_its_seeds_were_followed_to():
    steps = np.full(SHAPE, 5000)
    steps[0, 0] = (4000, 3000)
    found = gather(_dataset(steps=steps))
    assert grok_text(found, 0, 0) == ">3k"
    stopped = _dataset()
    stopped["test_accuracy"][0, 0, 1, STEP > 2000] = np.nan
    assert grok_text(gather(stopped), 0, 0) == ">2k"


def test_untested_and_failed_cells_are_no_censored_ones():
    phase = _dataset()["phase"].values
    phase[0, 0] = "untested"
    phase[1, 0] = ""
    status = np.where(phase == "", "failed", "done").astype(object)
    found = gather(_dataset(phase=phase, status=status))
    assert found.counts["untested"][0, 0] == found.counts["failed"][0, 1] == 2
    assert found.tested[0].tolist() == [0, 0, 2]
    assert grok_text(found, 0, 0) == grok_text(found, 0, 1) == "–"


@pytest.mark.parametrize("order", [None, list(reversed(range(12)))])
def test_the_cell_form_gathers_the_same(order):
    product, cells = gather(_dataset()), gather(_as_cells(_dataset(), order))
    assert (cells.x, cells.y, cells.over) == (product.x, product.y, product.over)
    for name in (
        "x_values",
        "y_values",
        "median",
        "grokked",
        "tested",
        "budget",
    ):
        np.testing.assert_array_equal(getattr(cells, name), getattr(product, name))
    for label in LABELS:
        np.testing.assert_array_equal(cells.counts[label], product.counts[label])


def test_axes_that_are_not_varied_give_way():
    one_decay = _dataset().isel(weight_decay=[1])
    found = gather(one_decay)  # seed is never an axis by itself
    assert (found.x, found.y) == ("weight_decay", "train_fraction")
    assert found.median.shape == (2, 1)
    renamed = _dataset().rename(weight_decay="learning_rate")
    found = gather(renamed)
    assert (found.x, found.y) == ("learning_rate", "train_fraction")
    both = renamed.rename(train_fraction="modulus")
    found = gather(both)
    assert (found.x, found.y) == ("learning_rate", "modulus")
    scalar = _dataset().isel(weight_decay=1, train_fraction=1, seed=0)
    assert gather(scalar).median.tolist() == [[1000]]


def test_other_varied_axes_are_gathered_and_named():
    dataset = _dataset().rename(seed="learning_rate")
    assert gather(dataset).over == ("learning_rate",)
    assert "cells disagree" in _note(phase_diagram(dataset))
    assert "a square gathers learning_rate" in _note(phase_diagram(dataset))


def test_n_train_may_be_an_axis():
    found = gather(_dataset(), y="n_train")
    assert found.y_values.tolist() == [288, 672]
    assert found.over == ("seed",)
    np.testing.assert_array_equal(found.median, gather(_dataset()).median)
    figure = phase_diagram(_dataset(), y="n_train")
    assert figure.axes[0].get_ylabel() == "training examples n_train"


def test_an_unknown_axis_or_phase_is_refused():
    with pytest.raises(ValueError, match="axis='wieght_decay' is not in the dataset"):
        gather(_dataset(), x="wieght_decay")
    with pytest.raises(ValueError, match="phase='grokked' is unknown; choose one of"):
        gather(_dataset(phase=np.full(SHAPE, "grokked", object)))


def test_the_legend_lists_only_what_is_present():
    figure = phase_diagram(_dataset())
    assert _legend(figure) == [
        "comprehension",
        "grokking",
        "memorisation",
        "confusion",
        "diverged",
        "pending",
        "censored: not within the budget",
    ]
    assert _note(figure) == "split square: seeds disagree; n/m: n of m seeds grokked"
    settled = phase_diagram(_dataset().isel(weight_decay=[1], train_fraction=[1]))
    assert _legend(settled) == ["grokking"]
    assert _note(settled) == ""


def test_a_pending_seed_does_not_disagree():
    square = _dataset().isel(weight_decay=[1], train_fraction=[0])
    figure = phase_diagram(square)
    assert _legend(figure)[:2] == ["confusion", "pending"]
    assert _note(figure) == ""


def test_a_mixed_square_is_divided_by_its_seeds():
    axes = phase_diagram(_dataset()).axes[0]
    strips = {}
    for patch in axes.patches:
        assert isinstance(patch, Rectangle)
        column = round(patch.get_x() + patch.get_width() / 2)
        row = round(patch.get_y() + patch.get_height() / 2)
        strips.setdefault((row, column), []).append(
            (round(patch.get_width() / 0.92, 6), patch.get_facecolor())
        )
    assert len(strips) == 6
    mixed = {at for at, parts in strips.items() if len(parts) > 1}
    assert mixed == {(0, 1), (1, 0), (1, 2)}
    for at, parts in strips.items():
        assert len({color for _, color in parts}) == len(parts)
        widths = [width for width, _ in parts]
        assert widths == ([0.5, 0.5] if at in mixed else [1.0])


def test_the_diagram_writes_what_was_gathered():
    figure = phase_diagram(_dataset())
    left, right = figure.axes[:2]
    assert sorted(_texts(right)) == sorted(
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
    right = phase_diagram(_dataset()).axes[1]
    grey = (0.299, 0.587, 0.114)
    for patch, text in zip(right.patches, right.texts, strict=True):
        fill = np.dot(patch.get_facecolor()[:3], grey)
        ink = {"white": 1.0, "black": 0.0}[text.get_color()]
        assert abs(fill - ink) >= 0.5


def test_phase_colours_differ_in_grey():
    figure = phase_diagram(_dataset())
    handles = figure.legends[0].legend_handles[:5]
    greys = [np.dot(h.get_facecolor()[:3], (0.299, 0.587, 0.114)) for h in handles]
    assert min(np.diff(sorted(greys))) > 0.1


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999.6, "1k"),
        (1000, "1k"),
        (1600, "1.6k"),
        (12500, "12.5k"),
        (999_999, "1M"),
        (2_000_000, "2M"),
    ],
)
def test_short_steps(step, text):
    assert short(step) == text


def test_curves_have_a_colour_a_cell_and_a_style_a_split():
    four = _dataset().isel(train_fraction=1, weight_decay=1)
    figure = curves(four)
    loss, accuracy = figure.axes
    assert _legend(figure) == ["seed 0: grokking", "seed 1: grokking", "train", "test"]
    assert "weight decay 0.1, train fraction 0.7" in figure.get_suptitle()
    for axes in (loss, accuracy):
        styles = [(line.get_color(), line.get_linestyle()) for line in axes.lines]
        colors = [color for color, style in styles if style == "-"]
        assert len(set(colors)) == 2
        assert sorted(styles) == sorted(itertools.product(colors, ("-", "--")))
    assert loss.get_yscale() == "log"


def test_too_many_cells_give_way_to_one_of_each_phase():
    many = xr.concat(
        [_dataset().assign_coords(seed=[n, n + 1]) for n in (0, 2)], dim="seed"
    )
    assert many["phase"].size > MOST_CURVES
    phases = [text.split(": ")[1] for text in _legend(curves(many))[:-2]]
    assert phases == [
        "comprehension",
        "grokking",
        "memorisation",
        "confusion",
        "diverged",
    ]
    with pytest.raises(ValueError, match="24 cells: allowed is at most 12"):
        curves(many, cells=range(24))


def test_chosen_cells_are_in_row_major_order_in_both_forms():
    for dataset in (_dataset(), _as_cells(_dataset())):
        assert _legend(curves(dataset, cells=[3, 4]))[:2] == [
            "weight decay 0, train fraction 0.7, seed 1: grokking",
            "weight decay 0.1, train fraction 0.3, seed 0: confusion",
        ]


def test_only_recorded_points_are_drawn_and_a_diverged_end_is_marked():
    dataset = _dataset().isel(weight_decay=[2], train_fraction=[0])
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        dataset[name][..., STEP > 1000] = np.nan
    dataset["test_loss"][..., STEP == 500] = np.inf
    loss = curves(dataset, cells=[0]).axes[0]
    train, end, test, _ = loss.lines
    assert train.get_xdata().tolist() == [0, 250, 500, 750, 1000]
    assert (end.get_marker(), end.get_xdata().tolist()) == ("x", [1000])
    assert test.get_xdata().tolist() == [0, 250, 750, 1000]


def test_a_cell_is_drawn_with_its_own_curve():
    dataset = _dataset()
    own = np.arange(1.0, 13.0).reshape(SHAPE)
    dataset["train_loss"] = dataset["train_loss"] * 0 + own[..., None]
    drawn = curves(dataset.transpose("step", "matrix", ...), cells=[3, 8]).axes[0]
    assert [line.get_ydata()[0] for line in drawn.lines if line.get_ls() == "-"] == [
        own[0, 1, 1],
        own[2, 0, 0],
    ]


def test_a_diverged_cell_without_a_test_curve_is_drawn():
    dataset = _dataset()
    for name in ("test_loss", "test_accuracy"):
        dataset[name][:] = np.nan
    loss = curves(dataset, cells=[8]).axes[0]
    assert [line.get_ls() for line in loss.lines] == ["-", "None"]


def test_a_grok_step_of_zero_has_a_colour():
    right = phase_diagram(_dataset(grok_step=np.zeros(SHAPE))).axes[1]
    assert set(_texts(right)) == {"0"}
    assert right.child_axes[0].get_ylim()[0] > 0
    assert all(patch.get_facecolor()[3] == 1 for patch in right.patches)


def test_the_scale_of_the_steps_is_stated():
    early = curves(_dataset()).axes[0]
    assert early.get_xscale() == "symlog"
    assert early.get_xlabel() == "step (log scale, linear below 250)"
    late = curves(_dataset(memorise_step=np.full(SHAPE, 2500.0))).axes[0]
    assert (late.get_xscale(), late.get_xlabel()) == ("linear", "step")


def test_milestone_labels_do_not_overlap():
    marks = {"memorise": 300, "cleanup": 1000, "grok": 1050, "end": 4900}
    figure = curves(_dataset(), milestones=marks)
    figure.draw_without_rendering()
    loss = figure.axes[0]
    assert _texts(loss) == [
        " end (4.9k)",
        " grok (1.05k)",
        " cleanup (1k)",
        " memorise (300)",
    ]
    boxes = [text.get_window_extent() for text in loss.texts]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert not any(box.overlaps(loss.bbox) for box in boxes)


def test_a_dataset_without_results_still_draws(tmp_path):
    empty = _dataset(phase=np.full(SHAPE, "", object), grok_step=np.full(SHAPE, NAN))
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        empty[name][:] = np.nan
    figure = phase_diagram(empty)
    assert _legend(figure) == ["pending"]
    save(figure, tmp_path / "phases.png")
    save(curves(empty), tmp_path / "curves.png")


def test_save_writes_the_kind_that_the_name_says(tmp_path):
    figure = phase_diagram(_dataset())
    save(figure, tmp_path / "phases.png")
    save(figure, str(tmp_path / "phases.svg"))
    assert (tmp_path / "phases.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "phases.svg").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phases.png", "phases.svg"]
    with pytest.raises(ValueError, match=r"path = .*phases.pdf.*: allowed is"):
        save(figure, tmp_path / "phases.pdf")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "phases.png"
    path.write_bytes(b"old")
    figure = phase_diagram(_dataset())

    def half(name, **_):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        save(figure, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["phases.png"]
