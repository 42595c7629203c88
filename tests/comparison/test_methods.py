"""Which cells are compared: methods, settings and pairs, and what is refused."""

import itertools
import math

import pytest

from jaxgrok.comparison.methods import FEWEST_SEEDS, Roles, pairings, roles, words

SEEDS = range(FEWEST_SEEDS)


def product(**axes):
    """The cells of a product grid, the last axis fastest."""
    axes = axes | {"seed": SEEDS}
    points = itertools.product(*axes.values())
    return [dict(zip(axes, point, strict=True)) for point in points]


def chain(*parts):
    """The cells of a chain: an axis that a part lacks is NaN there."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    blank = dict.fromkeys(names, math.nan)
    return [blank | part | {"seed": seed} for part in parts for seed in SEEDS]


def facts(pairs):
    return [(pair.method, tuple(pair.setting.values())) for pair in pairs]


def test_axes_that_the_baseline_names_tell_methods_apart():
    cells = product(optimiser=("adamw", "muon"), operation=("x+y", "x/y"), d_model=(8,))
    assert roles(cells, "optimiser=adamw") == Roles(("optimiser",), ("operation",))
    pairs = pairings(cells, "optimiser=adamw")
    assert facts(pairs) == [("muon", ("x+y",)), ("muon", ("x/y",))]
    assert pairs[1].setting == {"operation": "x/y"}
    assert pairs[1].cells == list(range(15, 20))
    assert pairs[1].baseline_cells == list(range(5, 10))


def test_cells_are_paired_by_seed_in_any_order():
    cells = product(optimiser=("adamw", "muon"))
    cells[FEWEST_SEEDS:] = cells[: FEWEST_SEEDS - 1 : -1]
    (pair,) = pairings(cells, "optimiser=adamw")
    for method, baseline in zip(pair.cells, pair.baseline_cells, strict=True):
        assert cells[method]["seed"] == cells[baseline]["seed"]
        assert method + baseline == 2 * FEWEST_SEEDS - 1
        assert cells[method]["optimiser"] == "muon"
        assert cells[baseline]["optimiser"] == "adamw"


def test_a_method_may_be_several_axes():
    cells = product(
        optimiser=("adamw", "muon"), dropout=(0.0, 0.1), operation=("x+y", "x/y")
    )
    pairs = pairings(cells, {"optimiser": "adamw", "dropout": 0})
    methods = ["adamw, dropout=0.1", "muon, dropout=0.0", "muon, dropout=0.1"]
    assert [pair.method for pair in pairs[::2]] == methods
    assert {pair.baseline for pair in pairs} == {"adamw, dropout=0.0"}
    named = pairings(cells, "optimiser=adamw,dropout=0", ["operation"])
    assert named == pairs
    # One of them alone: at each dropout, muon is compared with adamw.
    alone = pairings(cells, "optimiser=adamw")
    assert facts(alone)[:2] == [("muon", (0.0, "x+y")), ("muon", (0.0, "x/y"))]


def test_what_a_part_of_a_chain_has_for_its_own_belongs_to_the_method():
    parts = [
        {"part": "AdamW", "optimiser": "adamw", "learning_rate": 1e-3},
        {"part": "Grokfast", "optimiser": "grokfast", "learning_rate": 1e-3, "lam": 2},
        {"part": "Muon", "optimiser": "muon", "learning_rate": 0.02},
    ]
    cells = chain(
        *(part | {"operation": op} for part in parts for op in ("x+y", "x/y"))
    )
    assert roles(cells, "part=AdamW") == Roles(("part",), ("operation",))
    assert [pair.method for pair in pairings(cells, "part=AdamW")] == [
        *("Grokfast", "Grokfast"),
        *("Muon", "Muon"),
    ]


def test_each_method_may_have_a_learning_rate_of_its_own_in_each_setting():
    rates = {
        ("AdamW", "x+y"): 1e-3,
        ("AdamW", "x/y"): 3e-3,
        ("Muon", "x+y"): 0.02,
        ("Muon", "x/y"): 0.05,
    }
    cells = chain(
        *(
            {"part": part, "operation": operation, "learning_rate": rate}
            for (part, operation), rate in rates.items()
        )
    )
    pairs = pairings(cells, "part=AdamW", ["operation"])
    assert facts(pairs) == [("Muon", ("x+y",)), ("Muon", ("x/y",))]
    with pytest.raises(ValueError, match=r"has Muon without the baseline, AdamW; name"):
        pairings(cells, "part=AdamW")


def test_a_method_may_lack_settings_and_not_the_baseline():
    cells = product(optimiser=("adamw", "muon"), operation=("x+y", "x/y"))
    assert facts(pairings(cells[:15], "optimiser=adamw")) == [("muon", ("x+y",))]
    with pytest.raises(
        ValueError, match=r"operation=x/y has muon without the baseline"
    ):
        pairings(cells[:5] + cells[10:], "optimiser=adamw")


def test_an_axis_that_some_parts_lack_is_a_dash_in_words():
    assert words({"operation": "x+y", "lam": None}) == "operation=x+y lam=–"


CELLS = product(optimiser=("adamw", "muon"), dropout=(0.0, 0.1), operation=("x+y",))


@pytest.mark.parametrize(
    ("baseline", "settings", "message"),
    [
        (
            "optimizer=adamw",
            None,
            "baseline: axis 'optimizer' is unknown; axes are opt",
        ),
        ("optimiser=adam", None, "no cell has optimiser=adam; there are adamw, muon"),
        ("3", None, "baseline '3' must be axis values, like optimiser=adamw"),
        ("adamw", None, "baseline 'adamw' is not understood"),
        ("optimiser=adamw,seed=0", None, "leave the seed out of the baseline"),
        ("operation=x+y", None, "all cells are of one method, x+y: there is nothing"),
        ("optimiser=adamw", ["width"], "settings: axis 'width' is unknown; axes are"),
        ("optimiser=adamw", ["seed"], "settings: seed is no setting"),
        ("optimiser=adamw", ["optimiser"], "optimiser is named in the baseline too"),
        ("optimiser=adamw", ["operation"], "fits 2 methods; say more: dropout"),
    ],
)
def test_what_cannot_be_compared_is_refused(baseline, settings, message):
    with pytest.raises(ValueError) as refusal:
        pairings(CELLS, baseline, settings)
    assert message in str(refusal.value)


def test_seeds_that_are_not_paired_are_refused():
    cells = product(optimiser=("adamw", "muon"))
    with pytest.raises(
        ValueError, match=r"muon and adamw .*: only adamw has seed 4; gi"
    ):
        pairings(cells[:-1], "optimiser=adamw")
    with pytest.raises(
        ValueError, match=r"the run: muon .*: only muon has seed 0; give"
    ):
        pairings(cells[1:], "optimiser=adamw")
    few = [cell for cell in cells if cell["seed"] < FEWEST_SEEDS - 1]
    with pytest.raises(ValueError, match="muon has 4 seeds; an interval takes at leas"):
        pairings(few, "optimiser=adamw")
