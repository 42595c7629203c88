"""The training form against the textbook form, for every task, option and order."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models import model_inputs, textbook_form, training_form, transformer
from jaxgrok.models.device_costs import CPU, GPU, TPU
from jaxgrok.models.product_order import ProductOrder, Sizes
from jaxgrok.models.training_transformer import TrainingTransformer
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.multitask import Multitask
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.trigrams import Trigrams
from jaxgrok.training.losses import cross_entropy
from networks import (
    Free,
    Reads,
    build,
    examples_of,
    random_params,
    tokens_of,
)

XY = Modular(modulus=5)
TASKS = {
    "x-y": Modular("x-y", 5),
    "x*y": Modular("x*y", 5),
    "x/y": Modular("x/y", 5),
    "random": Modular("random", 5),
    "multitask": Multitask("x+y,x-y", 5),
    "digits": Digits(digits=2),
    "repeats": Repeats(symbols=3, length=6, repeat_length=2, occurrences=2),
    "trigrams": Trigrams(small=3, large=3, entries=4),
    "parity": Parity(bits=4, secret=2),
    "two read positions": Reads(),
}
COSTS = {
    "cpu": CPU,
    "gpu": GPU,
    "tpu": TPU,
    "tpu, a large table": dataclasses.replace(TPU, gathered=0),
}
OPTIONS = {
    "post": {},
    "attention only": {"attention_only": True},
    "norm": {"layer_norm": True, "biases": "all", "activation": "gelu"},
    "no biases": {"biases": "none"},
}


def loss_and_gradients(model, params, examples, extras):
    def loss(params):
        logits, _ = model.apply({"params": params}, examples.tokens, **extras)
        return cross_entropy(logits, examples.labels).mean()

    return jax.value_and_grad(loss)(params)


textbook = jax.jit(loss_and_gradients, static_argnums=0)


@functools.partial(jax.jit, static_argnums=0)
def training(*arguments):
    return loss_and_gradients(*arguments)


def assert_forms_agree(task, count, costs=TPU, **fields):
    """Loss within 1e-12; each gradient too, relative to its largest entry."""
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        model, examples = (
            build(task, dtype="float64", **fields),
            examples_of(task, count),
        )
        extras = model_inputs(task, examples)
        params = random_params(model, examples.tokens, **extras)
        form = training_form(model).clone(costs=costs)
        loss, grads = jax.device_get(training(form, params, examples, extras))
        want, want_grads = jax.device_get(textbook(model, params, examples, extras))
    np.testing.assert_allclose(loss, want, rtol=1e-12)
    assert grads.keys() == want_grads.keys()
    largest = max(np.abs(grad).max() for grad in want_grads.values())
    for name, grad in grads.items():
        scale = np.abs(want_grads[name]).max()
        if "b_K" in name:  # zero in exact arithmetic: a softmax ignores what all share
            scale = max(scale, largest)
        assert np.abs(grad - want_grads[name]).max() <= 1e-12 * scale, name


MARKS = {"repeats": ()}
MARKS |= dict.fromkeys(("digits", "trigrams", "parity"), pytest.mark.slow)
"""Marks of the tests of a task; the networks of some are those of x-y."""
MARKS |= dict.fromkeys(("x*y", "x/y", "random"), pytest.mark.slow)
FORMS = {
    ("cpu", 2, "norm"): (),
    ("tpu", 1, "post"): pytest.mark.long,
    ("gpu", 1, "post"): pytest.mark.slow,
    ("tpu, a large table", 2, "norm"): pytest.mark.slow,
    ("cpu", 1, "post"): pytest.mark.slow,
    ("gpu", 2, "norm"): pytest.mark.slow,
    ("tpu", 2, "norm"): pytest.mark.slow,
    ("tpu, a large table", 1, "post"): pytest.mark.slow,
}


@pytest.mark.parametrize(
    ("name", "layers", "option"),
    [pytest.param(*form, marks=marks) for form, marks in FORMS.items()],
)
@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, id=name, marks=MARKS.get(name, pytest.mark.long))
        for name, task in TASKS.items()
    ],
)
def test_both_forms_agree_on_every_task(task, name, layers, option):
    assert_forms_agree(task, 40, COSTS[name], layers=layers, **OPTIONS[option])


ELSEWHERE = ("norm", "no biases")
"""Options that the other tests have as well, with fewer layers or counts."""


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(fields, marks=pytest.mark.slow if name in ELSEWHERE else ())
        for name, fields in OPTIONS.items()
    ],
    ids=OPTIONS,
)
@pytest.mark.parametrize("layers", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize(
    "costs",
    [
        pytest.param(CPU, id="cpu", marks=pytest.mark.slow),
        pytest.param(GPU, id="gpu", marks=pytest.mark.slow),
        pytest.param(TPU, id="tpu"),
    ],
)
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(3, id="no look-up", marks=pytest.mark.slow),
        pytest.param(40, id="look-up"),
    ],
)
def test_both_forms_agree_with_and_without_look_up(count, costs, layers, fields):
    assert_forms_agree(XY, count, costs, layers=layers, **fields)


def fixed_reads(fixed_tokens, read):
    """A task stand-in with four tokens."""

    class Fixed(Reads):
        vocab_in = 4

    Fixed.fixed_tokens, Fixed.read = fixed_tokens, read
    return Fixed()


@pytest.mark.parametrize(
    ("fixed_tokens", "read"),
    [
        pytest.param((None,) * 10, (0, 2, 4, 6, 8), marks=pytest.mark.long),
        ((None, None, None, None, 3, None, None), (0, 1, 2, 3, 5, 6)),
        pytest.param((0, 1, 2), (2,), marks=pytest.mark.long),
    ],
    ids=["reads with gaps", "a fixed token in a gap", "all fixed"],
)
def test_both_forms_agree_where_reads_have_gaps_or_all_is_fixed(fixed_tokens, read):
    task = fixed_reads(fixed_tokens, read)
    assert_forms_agree(task, 50, biases="all")
    model = training_form(build(task))
    tokens = tokens_of(task, 50)
    params = random_params(model, tokens)
    logits, _ = jax.eval_shape(model.apply, {"params": params}, tokens)
    assert logits.shape == (50, len(read), task.vocab_out)


@pytest.mark.parametrize("layers", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize(
    "costs",
    [
        pytest.param(costs, id=name, marks=() if name == "tpu" else pytest.mark.long)
        for name, costs in COSTS.items()
    ],
)
def test_both_forms_agree_on_few_examples_with_read_positions_of_their_own(
    costs, layers
):
    assert_forms_agree(TASKS["repeats"], 3, costs, layers=layers)


@pytest.fixture
def order(request, monkeypatch):
    """Make every network take a product order."""
    chosen = []

    def product_order(_self, _before, heads):
        chosen.append(heads.n_weights)
        return request.param

    monkeypatch.setattr(TrainingTransformer, "_product_order", product_order)
    # Programs are kept by the model, which knows nothing of the patch.
    training.clear_cache()
    yield chosen
    training.clear_cache()


@pytest.mark.parametrize(
    ("count", "biases"),  # without and with look-up
    [
        pytest.param(3, "all", marks=pytest.mark.slow),
        pytest.param(40, "none", marks=pytest.mark.slow),
        (40, "all"),
    ],
)
@pytest.mark.parametrize(
    "task",
    [
        pytest.param(XY, id="x y =", marks=pytest.mark.slow),
        pytest.param(Reads(), id="reads"),
    ],
)
@pytest.mark.parametrize(
    "order", [ProductOrder.NONE, ProductOrder.OUT, ProductOrder.ALL], indirect=True
)
def test_both_forms_agree_in_every_product_order(task, count, biases, order):
    assert_forms_agree(task, count, biases=biases)
    assert order


@pytest.mark.parametrize(
    ("activation", "biases"),
    [
        ("gelu", "all"),
        ("relu", "none"),
        pytest.param("gelu", "none", marks=pytest.mark.slow),
        pytest.param("relu", "all", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "task",
    [
        pytest.param(XY, id="x y =", marks=pytest.mark.slow),
        pytest.param(Free(), id="free"),
    ],
)
@pytest.mark.parametrize("order", [ProductOrder.ROWS], indirect=True)
def test_both_forms_agree_with_sums_of_looked_up_rows(task, biases, activation, order):
    assert_forms_agree(task, 40, CPU, biases=biases, activation=activation)
    assert order[-1] == 2 * 2  # heads × free positions


@pytest.mark.parametrize("costs", COSTS.values(), ids=COSTS)
def test_an_unembedding_of_another_task_may_be_nan(costs):
    task = TASKS["multitask"]
    model, examples = build(task), examples_of(task, 40)
    extras = model_inputs(task, examples)
    params = random_params(model, examples.tokens, **extras)
    params["unembed.W_U"][1] = np.nan
    form = training_form(model).clone(costs=costs)
    logits, _ = jax.jit(form.apply)({"params": params}, examples.tokens, **extras)
    is_other = np.asarray(extras["unembedding"])[..., None] == 1
    assert 0 < is_other.sum() < is_other.size
    is_nan = np.broadcast_to(is_other, logits.shape)
    np.testing.assert_array_equal(np.isnan(logits), is_nan)


def test_both_forms_have_the_same_fields_and_initial_weights():
    model = build(XY, layers=2, layer_norm=True, biases="all")
    training = training_form(model, "cpu")
    assert (training.costs, training_form(training, "gpu").costs) == (CPU, GPU)
    assert textbook_form(training) == textbook_form(model) == model
    tokens = jnp.zeros((1, 3), jnp.int32)
    want, found = (
        jax.device_get(jax.jit(form.init)(jax.random.key(0), tokens)["params"])
        for form in (model, training)
    )
    jax.tree.map(np.testing.assert_array_equal, want, found)


def test_dropout_thins_patterns_and_mlp_and_keeps_their_mean():
    model = training_form(build(XY, d_head=4, d_mlp=8))
    tokens = jnp.asarray(XY.pool()[0])
    params = random_params(model, tokens)
    plain, _ = jax.jit(model.apply)({"params": params}, tokens)
    assert (np.ptp(thinned(model, params, tokens), axis=0) > 0).all()
    dropout = 0.0, jax.random.key(0)
    none, _ = jax.jit(model.apply)({"params": params}, tokens, dropout=dropout)
    np.testing.assert_allclose(none, plain, rtol=1e-6, atol=1e-6)
    # Without MLP the logits are linear in the pattern: dropout is unbiased.
    linear = training_form(build(XY, d_head=4, attention_only=True))
    params = random_params(linear, tokens)
    plain, _ = jax.jit(linear.apply)({"params": params}, tokens)
    logits = thinned(linear, params, tokens)
    error = np.abs(logits.mean(0) - plain) / (np.std(logits, 0) / np.sqrt(4000) + 1e-6)
    assert error.max() < 5


def thinned(model, params, tokens):
    """Logits of 4000 draws of a dropout of 0.3."""

    @jax.jit
    @jax.vmap
    def logits(key):
        return model.apply({"params": params}, tokens, dropout=(0.3, key))[0]

    return logits(jax.random.split(jax.random.key(1), 4000))


def test_rows_are_summed_where_a_query_has_few_of_them(monkeypatch):
    counted = []
    best = ProductOrder.best
    monkeypatch.setattr(
        ProductOrder,
        "best",
        lambda sizes, weighted: counted.append(sizes) or best(sizes, weighted),
    )

    def sizes(task, platform="cpu", **fields):
        model = training_form(transformer.build(task, **fields), platform)
        tokens = tokens_of(task, 3840)
        jax.eval_shape(model.init, jax.random.key(0), tokens)
        return counted[-1]

    assert sizes(Modular()) == Sizes(
        3840, rows=1, keys=229, weights=8, heads=128, model=128, mlp=512, vocab=114
    )
    assert sizes(Modular(), "gpu").weights == 0
    assert sizes(Modular(), layers=2).weights == 0  # nothing to look up
    assert sizes(Reads()).weights == 0  # two queries


def test_the_best_order_multiplies_less(monkeypatch):
    task = Modular()
    # As on a CPU, but without sums of rows.
    costs = dataclasses.replace(CPU, weighted=math.inf)
    model = training_form(transformer.build(task)).clone(costs=costs)
    tokens = tokens_of(task, 3840)
    params = jax.eval_shape(model.init, jax.random.key(0), tokens[:1])["params"]

    def flops():
        run = jax.jit(lambda params: model.apply({"params": params}, tokens)[0])
        return run.lower(params).compile().cost_analysis()["flops"]

    best = flops()
    none = ProductOrder.NONE
    monkeypatch.setattr(TrainingTransformer, "_product_order", lambda *_: none)
    assert 0.8 < best / flops() < 0.92
