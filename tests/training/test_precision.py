"""Each precision is named after what is computed, on every kind of device."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from jax.lax import DotAlgorithmPreset, Precision

import tiny
from engines import curves, same
from jaxgrok import models
from jaxgrok.engine.engine import Engine
from jaxgrok.training import emulation, precision, trainer
from jaxgrok.training.precision import PRECISIONS, Products
from jaxgrok.training.setup import lane_of

HIGHEST = (Precision.HIGHEST, Precision.HIGHEST)
ROUNDING = "reduce_precision"
PLATFORMS = ("cpu", "gpu", "tpu")
TABLE = {
    ("float32", "cpu"): ("float32", HIGHEST, False),
    ("float32", "gpu"): ("float32", HIGHEST, False),
    ("float32", "tpu"): ("float32", HIGHEST, False),
    ("tf32", "cpu"): ("tf32", DotAlgorithmPreset.TF32_TF32_F32, True),
    ("tf32", "gpu"): ("tf32", DotAlgorithmPreset.TF32_TF32_F32, False),
    ("tf32", "tpu"): ("bf16x3", (Precision.HIGH, Precision.HIGH), False),
    ("bf16x3", "cpu"): ("bf16x3", DotAlgorithmPreset.BF16_BF16_F32_X3, True),
    ("bf16x3", "gpu"): ("bf16x3", DotAlgorithmPreset.BF16_BF16_F32_X3, False),
    ("bf16x3", "tpu"): ("bf16x3", (Precision.HIGH, Precision.HIGH), False),
    ("bf16", "cpu"): ("bf16", DotAlgorithmPreset.BF16_BF16_F32, True),
    ("bf16", "gpu"): ("bf16", DotAlgorithmPreset.BF16_BF16_F32, False),
    ("bf16", "tpu"): ("bf16", (Precision.DEFAULT, Precision.DEFAULT), False),
}
"""(precision, platform) → what is computed, what JAX is asked for, whether emulated."""


def test_the_table_has_every_precision_on_every_platform():
    assert TABLE.keys() == precision.PRODUCTS.keys()
    assert TABLE.keys() == {(name, p) for name in PRECISIONS for p in PLATFORMS}


def test_a_platform_of_another_name_is_taken_for_a_gpu():
    assert precision.products("tf32", "metal") == precision.products("tf32", "gpu")
    assert precision.note("tf32", "metal") == ""


@pytest.mark.parametrize(("name", "platform"), TABLE)
def test_jax_is_asked_for_what_the_table_says(name, platform):
    products = precision.products(name, platform)
    computes, asked, emulated = TABLE[name, platform]
    assert (products.computes, products.emulated) == (computes, emulated)
    matmul = functools.partial(
        precision.apply, products._replace(emulated=False), jnp.matmul
    )
    [product] = jax.make_jaxpr(matmul)(jnp.ones((2, 3)), jnp.ones((3, 4))).eqns
    assert product.params["precision"] == asked


@pytest.mark.parametrize(("name", "platform"), TABLE)
def test_a_note_says_where_the_name_is_not_what_the_device_does(name, platform):
    line = precision.note(name, platform)
    if platform == "cpu" and name != "float32":
        assert line.startswith(f"precision={name} is emulated on a CPU")
        assert "slower than float32" in line
    elif (name, platform) == ("tf32", "tpu"):
        assert line == (
            "precision=tf32: a TPU has no tf32 products; bf16x3 is computed instead"
        )
    else:
        assert line == ""


def jaxprs(setup, cell):
    """The jaxprs of a step and an evaluation, in textbook form: no exact look-ups."""
    setup = dataclasses.replace(setup, model=models.textbook_form(setup.model))
    lane = lane_of(setup, **cell.lane)
    state = jax.eval_shape(functools.partial(trainer.init, setup), lane)
    train = functools.partial(trainer.train, setup, n_steps=1)
    evaluate = functools.partial(trainer.evaluate, setup)
    return [jax.make_jaxpr(f)(lane, state).jaxpr for f in (train, evaluate)]


def equations(jaxpr):
    for equation in jaxpr.eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from equations(inner)


@pytest.mark.parametrize(("name", "platform"), TABLE)
def test_every_product_of_a_step_and_an_evaluation_is_of_the_precision(name, platform):
    group = tiny.group(precision=name)
    setup = dataclasses.replace(group.setup, platform=platform)
    for jaxpr in jaxprs(setup, group.cells[0]):
        dots = [e for e in equations(jaxpr) if e.primitive.name == "dot_general"]
        computes, asked, emulated = TABLE[name, platform]
        assert {e.params["precision"] for e in dots} == {HIGHEST if emulated else asked}
        rounded = [e for e in equations(jaxpr) if e.primitive.name == ROUNDING]
        # Both inputs of each product, split in two for bf16x3, which are three each.
        per_product = {"bf16x3": 4 / 3}.get(computes, 2) if emulated else 0
        assert len(rounded) == per_product * len(dots) and dots


def test_float32_is_traced_as_it_is(monkeypatch):
    group = tiny.group()
    monkeypatch.setattr(emulation, "call", None)
    for jaxpr in jaxprs(group.setup, group.cells[0]):
        assert ROUNDING not in {e.primitive.name for e in equations(jaxpr)}


def test_products_outside_the_model_have_the_precision_too():
    def squared(x):
        return x @ x.T

    products = Products("bf16", "BF16_BF16_F32", emulated=True)
    result = tiny.jit(functools.partial(precision.apply, products, squared))(
        jnp.full((2, 2), 1 + 2.0**-9)
    )
    np.testing.assert_array_equal(result, 2.0)


@pytest.fixture(scope="module")
def groups():
    return {name: tiny.group(precision=name, seed=(0, 1, 2)) for name in PRECISIONS}


def train(group, blocks, **options):
    engine = Engine(group.setup, block_width=2, blocks=blocks)
    return list(curves(engine, group, group.cells, **options).values())


@pytest.fixture(scope="module")
def trained(shipped, groups):
    return {name: train(group, blocks=1) for name, group in groups.items()}


@pytest.mark.slow
def test_each_precision_is_a_training_of_its_own_near_that_of_float32(trained):
    losses = {name: np.stack(cells)[:, :, 0] for name, cells in trained.items()}
    errors = [np.abs(losses[name] / losses["float32"] - 1) for name in PRECISIONS[1:]]
    tf32, bf16x3, bf16 = (error[:, 0].max() for error in errors)
    # Before the first step: later, a training amplifies any difference.
    assert 0 < bf16x3 < tf32 / 10 < bf16 / 20
    assert all(0 < error[:, -1].max() < 0.01 for error in errors)


@pytest.mark.long
@pytest.mark.parametrize("name", PRECISIONS[1:])
def test_an_emulated_training_depends_on_its_cell_alone(groups, trained, name):
    group = groups[name]
    ids = [cell.id for cell in group.cells]
    alone = dict(zip(ids, trained[name], strict=True))
    engine = Engine(group.setup, block_width=2, blocks=2)
    # Another order, and a neighbour that diverges.
    mixed = curves(engine, group, group.cells[::-1], poison={ids[1]})
    assert np.isnan(mixed.pop(ids[1])[-1, 0])
    same(mixed, alone)
