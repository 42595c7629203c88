"""What rides along with a training, in float32, against float64 definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.fourier.basis import basis
from jaxgrok.tasks import Example
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.modular import Modular
from jaxgrok.training.losses import cross_entropy
from jaxgrok.training.measures import (
    MEASURES,
    Evaluation,
    Measure,
    check,
    fourier,
    register,
)

NAMES = ("W_E_norm", "W_L_norm", "excluded_loss")
TASKS = [Modular(modulus=13), Modular("x-y", 8), Modular("x*y", 13), Modular("x/y", 7)]


def params_of(task, *, attention_only=False):
    generator = np.random.default_rng(0)
    shapes = {
        "embed.W_E": (task.vocab_in, 6),
        "blocks.1.mlp.W_out": (10, 6),
        "unembed.W_U": (6, task.vocab_out),
        "blocks.0.mlp.W_out": (10, 6),
    }
    if attention_only:
        shapes = {k: v for k, v in shapes.items() if "mlp" not in k}
    made = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    return {name: jnp.asarray(value, jnp.float32) for name, value in made.items()}


def logits_of(task, margin, noise=1.0, seed=0):
    """Logits [pool, vocab] with the right class ahead by about `margin`."""
    generator = np.random.default_rng(seed)
    _, labels = task.pool()
    logits = generator.normal(scale=noise, size=(task.pool_size, task.vocab_out))
    logits[np.arange(task.pool_size), labels[:, 0]] += margin
    return logits.astype(np.float32)


def slow(task, params, logits, is_train):
    """The columns by their definitions: float64, each projection a whole [n, n, n]."""
    n, elements, sign = task.reading
    tokens, _ = task.pool()
    row = {(int(x), int(y)): i for i, (x, y, _) in enumerate(tokens)}
    rows = np.array([[row[x, y] for y in elements] for x in elements])
    L = np.asarray(logits, float)[rows][..., list(elements)]
    train = np.asarray(is_train)[rows]
    a, b = np.ogrid[:n, :n]
    answer = (a + sign * b) % n
    W_E = np.asarray(params["embed.W_E"], float)[list(elements)]
    W_U = np.asarray(params["unembed.W_U"], float)[:, list(elements)]
    found = {"W_E_norm": [], "W_L_norm": [], "excluded_loss": []}
    for k in range(1, n // 2 + 1):
        waves = basis(n)[2 * k - 1 : 2 * k + 1]
        found["W_E_norm"].append(np.linalg.norm(waves @ W_E))
        if "blocks.1.mlp.W_out" in params:
            W_L = np.asarray(params["blocks.1.mlp.W_out"], float) @ W_U
            found["W_L_norm"].append(np.linalg.norm(waves @ W_L.T))
        else:
            found["W_L_norm"].append(np.nan)
        left = L.copy()
        for wave in waves:
            grid = wave[answer] / np.linalg.norm(wave[answer])
            left -= grid[..., None] * np.einsum("ab,abc->c", grid, L)
        right = np.take_along_axis(left, answer[..., None], 2)
        over = left - right
        np.put_along_axis(over, answer[..., None], -np.inf, 2)
        losses = np.logaddexp(0, np.logaddexp.reduce(over, axis=2))
        found["excluded_loss"].append(losses[train].mean())
    return np.concatenate([found[name] for name in NAMES])


def packed(task, params, logits, is_train):
    """All that the Fourier measures say of one lane, in one vector."""
    evaluation = Evaluation(task, params, (), logits[:, None], (), is_train, ~is_train)
    made = fourier(evaluation)
    assert tuple(made) == tuple(MEASURES["fourier"].dims) == NAMES
    return jnp.concatenate([made[name] for name in NAMES])


def run(task, params, logits, is_train):
    one = tiny.jit(functools.partial(packed, task))
    return np.asarray(one(params, jnp.asarray(logits), jnp.asarray(is_train)))


def test_a_measure_is_checked_where_it_is_registered():
    with pytest.raises(ValueError, match="'neuron' is unknown; choose one of '', 'mat"):
        Measure({"rank": "neuron"}, dict)
    with pytest.raises(ValueError, match="'W/E'; the name must be an identifier"):
        Measure({"W/E": ""}, dict)
    with pytest.raises(ValueError, match="name='none' must be another name"):
        register("none", Measure({}, dict))
    with pytest.raises(ValueError, match=r"must be a jaxgrok\.training\.measures\.Mea"):
        register("rank", dict)


def test_a_measure_needs_a_task_that_has_its_dimensions(monkeypatch):
    check("none", object())
    check("fourier", Modular("x*y", 5))
    with pytest.raises(
        ValueError, match="measures='rnak' is unknown; choose one of no"
    ):
        check("rnak", Modular())
    with pytest.raises(ValueError, match="measures='fourier' needs a task with a Four"):
        check("fourier", Modular("x^2+y^2", 5))
    monkeypatch.setitem(MEASURES, "margins", Measure({"margin": "component"}, dict))
    check("margins", Digits(2))
    with pytest.raises(ValueError, match="measures='margins' needs a task with comp"):
        check("margins", Modular())


@pytest.mark.parametrize("task", TASKS, ids=str)
@pytest.mark.parametrize("margin", [0, 25, 60])
def test_in_float32_as_by_definition(task, margin):
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.4
    params, logits = params_of(task), logits_of(task, margin)
    found = run(task, params, logits, is_train)
    assert found.dtype == np.float32
    assert found.shape == (3 * (task.reading.order // 2),)
    expected = slow(task, params, logits, is_train)
    np.testing.assert_allclose(found, expected, rtol=5e-5)


def test_losses_far_below_float32_resolution_are_kept():
    task = Modular(modulus=13)
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.4
    # Six frequencies carry the margin together: without one of them 5/6 of it is left.
    logits = logits_of(task, 45, noise=0.1)
    found = run(task, params_of(task), logits, is_train)[-6:]
    expected = slow(task, params_of(task), logits, is_train)[-6:]
    assert (expected < 1e-12).all()
    np.testing.assert_allclose(found, expected, rtol=5e-5)


def test_only_train_pairs_count():
    task = Modular(modulus=7)
    is_train = np.arange(49) % 3 == 0
    logits = logits_of(task, 5)
    found = run(task, params_of(task), logits, is_train)[-3:]
    other = run(task, params_of(task), logits, ~is_train)[-3:]
    assert (np.abs(found - other) > 1e-3).all()
    assert np.isnan(run(task, params_of(task), logits, is_train & False)[-3:]).all()


def test_an_attention_only_network_has_no_W_L():
    task = Modular(modulus=5)
    params = params_of(task, attention_only=True)
    found = run(task, params, logits_of(task, 1), np.ones(25, bool))
    assert np.isnan(found).tolist() == [False, False, True, True, False, False]


@pytest.mark.parametrize("size", [30.0, 1e3, 1e6, 1e30])
@pytest.mark.parametrize("margin", [1, -1, -3])
def test_large_logits_never_give_nan(size, margin):
    task = Modular(modulus=7)
    every = np.ones(49, bool)
    for noise in (0.0, 1.0):
        logits = size * logits_of(task, margin, noise=noise)
        found = run(task, params_of(task), logits, every)
        assert not np.isnan(found).any()
        if size * (noise or 0.01) <= 30:
            expected = slow(task, params_of(task), logits, every)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_logits_far_apart_for_every_pair_of_an_answer():
    # Spread over 1500 nats, as small networks at high learning rates get; what differs
    # between pairs of one answer is smaller.
    task = Modular(modulus=13)
    _, labels = task.pool()
    table = np.random.default_rng(2).normal(scale=200, size=(13, 14))
    logits = logits_of(task, 300, noise=8.0) + table[labels[:, 0]].astype(np.float32)
    assert np.ptp(logits) > 1200
    is_train = np.arange(169) % 2 == 0
    found = run(task, params_of(task), logits, is_train)[-6:]
    expected = slow(task, params_of(task), logits, is_train)[-6:]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_lane_does_not_see_its_neighbour():
    task = Modular(modulus=7)
    lanes = [
        (params_of(task), logits_of(task, 3, seed=1), np.arange(49) % 2 == 0),
        (params_of(task), np.full((49, 8), np.nan, np.float32), np.arange(49) % 3 == 0),
        (params_of(task), logits_of(task, 9, seed=2), np.arange(49) % 5 == 0),
    ]
    both = tiny.jit(jax.vmap(functools.partial(packed, task)))
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    found = np.asarray(both(*stacked))
    permuted = np.asarray(
        both(*jax.tree.map(lambda x: x[jnp.array([2, 1, 0])], stacked))
    )
    np.testing.assert_array_equal(found, permuted[[2, 1, 0]])
    assert np.isnan(found[1, -3:]).all() and np.isfinite(found[1, :6]).all()
    for lane in (0, 2):
        expected = slow(task, *lanes[lane])
        np.testing.assert_allclose(found[lane], expected, rtol=5e-5)


def test_zero_terms_are_the_training_losses_that_are_exactly_zero():
    logits = np.zeros((6, 1, 3), np.float32)
    # In float32 a margin of 20 nats is a loss of 0, one of 10 is not.
    logits[:, 0, 0] = 20, 20, 10, 0, 20, np.nan
    examples = Example(np.zeros((6, 3)), np.zeros((6, 1), int))
    is_train = np.array([1, 0, 1, 1, 1, 1], bool)
    shares = {}
    for arm in ("float32", "exact", "stablemax"):
        losses = cross_entropy(logits, examples.labels, arm)
        evaluation = Evaluation(None, {}, examples, logits, losses, is_train, ~is_train)
        shares[arm] = float(MEASURES["zero_terms"].function(evaluation)["zero_terms"])
    assert shares == {"float32": pytest.approx(2 / 5), "exact": 0, "stablemax": 0}


@pytest.mark.long
def test_measures_together_record_what_each_does(tmp_path):
    config = tiny.config(measures="fourier+zero_terms", loss="float32", steps=(10,))
    both = jaxgrok.run(config, tmp_path / "both", quiet=True)
    for name in ("fourier", "zero_terms"):
        config.measures = name
        dataset = jaxgrok.run(config, tmp_path / name, quiet=True)
        for curve in MEASURES[name].dims:
            np.testing.assert_array_equal(both[curve], dataset[curve])
            assert both[curve].attrs == dataset[curve].attrs


@pytest.mark.long
def test_zero_terms_are_a_curve_of_the_loss_that_is_trained_on(tmp_path):
    config = tiny.config(
        loss=("float32", "exact"),
        init_scale=(1.0, 2.0),
        steps=(10,),
        measures="zero_terms",
    )
    dataset = jaxgrok.run(config, tmp_path, quiet=True)
    start = dataset.zero_terms.isel(step=0).squeeze()
    # Initial weights so large that one of 24 pairs is right by more than 17 nats.
    shares = start.transpose("loss", "init_scale").values
    np.testing.assert_allclose(shares, [[0, 1 / 24], [0, 0]], rtol=1e-6)
