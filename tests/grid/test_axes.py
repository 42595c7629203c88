"""Product, zip and chain of axes: which cells, in which order, under which names."""

import pytest

import tiny
from jaxgrok import grid


def chained(**parts):
    config = tiny.config()
    config.chain = parts
    return config


def test_product_has_dims_in_the_order_of_its_cells():
    found = grid.resolve(
        tiny.config(weight_decay=(0.1, 1.0), train_fraction=(0.3, 0.5), seed=(4, 2, 0))
    )
    assert list(found.dims.items()) == [
        ("weight_decay", (0.1, 1.0)),
        ("train_fraction", (0.3, 0.5)),
        ("seed", (4, 2, 0)),
    ]
    expected = [
        {"weight_decay": w, "train_fraction": f, "seed": s}
        for w in (0.1, 1.0)
        for f in (0.3, 0.5)
        for s in (4, 2, 0)
    ]
    assert [cell.axes for cell in found.cells] == expected
    assert found.axes == tuple(found.dims)


def test_single_weight_decay_fraction_and_seed_stay_axes_and_others_do_not():
    found = grid.resolve(tiny.config())
    assert list(found.dims) == ["weight_decay", "train_fraction", "seed"]
    assert [len(values) for values in found.dims.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("field", "values", "name"),
    [
        ("learning_rate", (1e-3, 3e-3), "learning_rate"),
        ("beta1", (0.8, 0.9), "beta1"),
        ("beta2", (0.9, 0.98), "beta2"),
        ("init_scale", (0.5, 1.0), "init_scale"),
        ("steps", (40, 80), "budget"),
    ],
)
def test_every_traced_field_can_be_an_axis(field, values, name):
    found = grid.resolve(tiny.config(**{field: values}))
    assert found.dims[name] == values
    assert [cell.lane[field] for cell in found.cells] == list(values)
    assert [cell.axes[name] for cell in found.cells] == list(values)


def test_zip_goes_in_step_and_has_no_dims():
    config = tiny.config(weight_decay=(0.1, 1.0, 2.0), seed=(0, 1))
    config.update(zip="weight_decay, learning_rate", learning_rate=(1e-3, 2e-3, 3e-3))
    found = grid.resolve(config)
    assert found.dims == {}
    seen = [
        (c.axes["weight_decay"], c.axes["learning_rate"], c.axes["seed"])
        for c in found.cells
    ]
    assert seen == [
        (w, lr, s) for w, lr in ((0.1, 1e-3), (1.0, 2e-3), (2.0, 3e-3)) for s in (0, 1)
    ]


def test_zipped_axes_may_hold_a_value_twice():
    config = tiny.config(weight_decay=(0.1, 1.0, 2.0), steps=(80, 40, 40))
    with pytest.raises(ValueError, match="holds 40 twice"):
        grid.resolve(config)
    config.zip = "weight_decay, steps"
    budgets = [cell.lane["steps"] for cell in grid.resolve(config).cells]
    assert budgets == [80, 40, 40]


def test_zipped_static_axes_may_hold_a_value_twice():
    config = tiny.config(
        operation=("x+y", "x+y", "x/y"), train_fraction=(0.4, 0.5, 0.5)
    )
    with pytest.raises(ValueError, match=r"operation=.* holds 'x\+y' twice"):
        grid.resolve(config)
    config.zip = "operation, train_fraction"
    cells = grid.resolve(config).cells
    seen = [(c.axes["operation"], c.axes["train_fraction"]) for c in cells]
    assert seen == [("x+y", 0.4), ("x+y", 0.5), ("x/y", 0.5)]


def test_a_part_may_have_a_value_twice_where_axes_go_in_step():
    config = tiny.config(weight_decay=(0.1, 1.0), learning_rate=(1e-3, 2e-3))
    config.zip = "weight_decay, learning_rate"
    config.chain = {"as it is": {}, "slow": {"learning_rate": (1e-4, 1e-4)}}
    cells = grid.resolve(config).cells
    seen = [(c.axes["weight_decay"], c.axes["learning_rate"]) for c in cells]
    assert seen == [(0.1, 1e-3), (1.0, 2e-3), (0.1, 1e-4), (1.0, 1e-4)]


def test_chain_is_one_product_after_another():
    config = chained(
        weak={"weight_decay": (0.1,), "steps": (80,)},
        strong={"weight_decay": (1.0, 2.0)},
    )
    config.seed = (0, 1)
    found = grid.resolve(config)
    assert found.dims == {}
    assert found.axes == ("part", "budget", "weight_decay", "train_fraction", "seed")
    assert [c.axes["part"] for c in found.cells] == ["weak"] * 2 + ["strong"] * 4
    seen = [
        (c.axes["budget"], c.axes["weight_decay"], c.axes["seed"]) for c in found.cells
    ]
    assert seen == [(80, 0.1, 0), (80, 0.1, 1)] + [
        (40, w, s) for w in (1.0, 2.0) for s in (0, 1)
    ]


def test_a_part_of_a_chain_may_count_pairs_where_the_base_has_a_fraction():
    config = chained(pairs={"n_train": (7, 9)}, fraction={})
    sizes = [cell.lane["n_train"] for cell in grid.resolve(config).cells]
    assert sizes == [7, 9, 24]
    config = chained(fraction={"train_fraction": (0.5,)}, base={})
    config.update(train_fraction=(), n_train=(7,))
    sizes = [cell.lane["n_train"] for cell in grid.resolve(config).cells]
    assert sizes == [24, 7]


def test_a_chain_can_grow_part_by_part():
    config = tiny.config()
    config.chain.second = {"seed": (1,)}
    config.chain.first = {"seed": (2,)}
    assert [cell.lane["seed"] for cell in grid.resolve(config).cells] == [1, 2]


def test_a_chain_leaves_the_config_as_it_was():
    config = chained(one={"weight_decay": (1,)})
    before = config.to_json()
    grid.resolve(config)
    assert config.to_json() == before


def test_the_name_of_a_part_may_have_dots():
    config = tiny.config(chain={"rate 0.1": {}, "rate 0.2": {"seed": (1,)}})
    cells = grid.resolve(config).cells
    assert [cell.axes["part"] for cell in cells] == ["rate 0.1", "rate 0.2"]


def test_the_name_of_a_part_is_text():
    with pytest.raises(ValueError, match=r"chain: the name of a part, '\\udc80', must"):
        grid.resolve(tiny.config(chain={"\udc80": {}}))
