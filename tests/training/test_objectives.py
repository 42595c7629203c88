"""Losses of chosen frequencies as terms of the objective, by hand in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.tasks import Example
from jaxgrok.tasks.modular import Modular
from jaxgrok.training import trainer
from jaxgrok.training.objectives import OBJECTIVES, Step
from jaxgrok.training.setup import lane_of

RULE = OBJECTIVES["frequencies"].rule
TERMS = {"excluded_weight": 0.7, "trig_weight": -0.4}
FIELDS = {"objective": "frequencies", "frequencies": "1,3"}


def group_of(operation="x+y", modulus=11, **fields):
    terms = {name: (value,) for name, value in TERMS.items()}
    fields = {"operation": operation, "modulus": modulus} | FIELDS | terms | fields
    return tiny.group(**fields)


def softmax_loss(logits, answers, weights):
    """Weighted loss, and its gradient by the logits."""
    shifted = logits - logits.max(-1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
    rows = np.arange(len(answers))
    gradient = p.copy()
    gradient[rows, answers] -= 1
    return -(weights * np.log(p[rows, answers])).sum(), weights[:, None] * gradient


def by_hand(task, frequencies, logits, labels, weights):
    """The term and its gradient by the logits [examples, vocab], in float64."""
    n, elements, _ = task.reading
    index = {token: a for a, token in enumerate(elements)}
    counts = np.array([label in index for label in labels]) & (weights > 0)
    answers = np.array([index[label] for label in labels[counts]])
    w, L = weights[counts], logits[counts][:, list(elements)].astype(float)
    angles = 2 * np.pi * np.outer(answers, frequencies) / n
    X = np.concatenate([np.ones((len(w), 1)), np.cos(angles), np.sin(angles)], 1)
    # Map the logits to their weighted least squares fit, and to it without its mean.
    every = X @ np.linalg.pinv(np.sqrt(w)[:, None] * X) * np.sqrt(w)
    periodic = every - w / w.sum()
    excluded, d_excluded = softmax_loss(L - periodic @ L, answers, w)
    trig, d_trig = softmax_loss(every @ L, answers, w)
    e, t = TERMS.values()
    inner = e * (d_excluded - periodic.T @ d_excluded) + t * every.T @ d_trig
    gradient = np.zeros_like(logits, float)
    gradient[np.ix_(counts, list(elements))] = inner
    return e * excluded + t * trig, gradient


def step_of(task, seed=0, n_train=50, size=60):
    """A step of random logits over training pairs, the last of which are padding."""
    generator = np.random.default_rng(seed)
    tokens, labels = task.pool()
    rows = generator.permutation(task.pool_size)[:size]
    weights = (np.arange(size) < n_train) / np.float32(n_train)
    logits = generator.normal(0, 3, (size, 1, task.vocab_out)).astype(np.float32)
    return Step(Example(tokens[rows], labels[rows]), weights.astype("f4"), logits)


@pytest.mark.parametrize(
    ("operation", "modulus"),
    [
        ("x+y", 11),
        ("x-y", 8),
        pytest.param("x*y", 11, marks=pytest.mark.long),
        pytest.param("x/y", 11, marks=pytest.mark.long),
    ],
)
def test_the_term_and_its_gradient_are_those_by_hand(operation, modulus):
    task = Modular(operation, modulus)
    setup = (group := group_of(operation, modulus)).setup
    lane = jax.device_put(lane_of(setup, **group.cells[0].lane))

    def term(logits, step):
        return RULE(setup, lane, step._replace(logits=logits))

    steps = [step_of(task, seed) for seed in (0, 1)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *steps)
    one = jax.value_and_grad(term)
    lanes = jax.jit(jax.vmap(one))(stacked.logits, stacked)
    for position, step in enumerate(steps):
        labels = step.examples.labels[:, 0]
        want = by_hand(task, (1, 3), step.logits[:, 0], labels, step.weights)
        alone = jax.jit(one)(jnp.asarray(step.logits), step)
        beside = jax.tree.map(lambda x, i=position: x[i], lanes)
        for value, gradient in (alone, beside):
            np.testing.assert_allclose(value, want[0], rtol=2e-5)
            np.testing.assert_allclose(gradient[:, 0], want[1], atol=2e-7, rtol=2e-5)


@pytest.mark.long
@pytest.mark.parametrize("batch_size", [0, 16])
def test_a_step_follows_loss_and_terms_over_its_own_pairs(batch_size):
    plain = {"learning_rate": (0.1,), "weight_decay": (0.0,), "warmup_steps": 0}
    group = group_of(optimiser="sgd", batch_size=batch_size, **plain)
    setup = group.setup
    lane = jax.device_put(lane_of(setup, **group.cells[0].lane))
    state = jax.jit(trainer.init, static_argnums=0)(setup, lane)

    @jax.jit
    def examples_and_weights(lane, state):
        train_set = trainer.data.train_set(setup, lane, state.order)
        return trainer.data.batch(setup, lane, train_set, state.step)

    @jax.jit
    def logits_of(params):
        return trainer._losses(setup, params, examples)[1]

    @jax.jit
    def pull(params, cotangent):
        return jax.vjp(logits_of, params)[1](cotangent)

    examples, weights = examples_and_weights(lane, state)
    logits = logits_of(state.params)
    labels, weights = np.asarray(examples.labels)[:, 0], np.asarray(weights)
    plain_logits = np.asarray(logits, np.float64)[:, 0]
    _, gradient = softmax_loss(plain_logits, labels, weights)
    gradient += by_hand(setup.task, (1, 3), plain_logits, labels, weights)[1]
    (grads,) = pull(state.params, jnp.asarray(gradient[:, None], jnp.float32))
    after = jax.jit(trainer.train, static_argnums=0)(setup, lane, state, 1)
    for name, w in state.params.items():
        want = np.asarray(w, float) - 0.1 * np.asarray(grads[name], float)
        np.testing.assert_allclose(after.params[name], want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("operation", "modulus"),
    [("x+y", 11), pytest.param("x-y", 8, marks=pytest.mark.long)],
)
def test_a_traced_frequency_is_one_of_those_together(operation, modulus):
    step = step_of(Modular(operation, modulus))

    def term(**fields):
        group = group_of(operation, modulus, **fields)
        lane = jax.device_put(lane_of(group.setup, **group.cells[0].lane))
        return float(jax.jit(functools.partial(RULE, group.setup, lane))(step))

    for alone, single, together in (("", 2, "2"), ("1,3", 4, "1,3,4"), ("4", 4, "4")):
        found = term(frequencies=alone, frequency=(single,))
        np.testing.assert_allclose(found, term(frequencies=together), rtol=1e-5)


def test_frequencies_of_an_axis_share_a_program():
    config = tiny.config(
        objective="frequencies", modulus=11, frequency=(1, 2, 5), trig_weight=(1.0,)
    )
    resolved = grid.resolve(config)
    assert len(resolved.groups) == 1 and len(resolved.cells) == 3
    assert [cell.lane["frequency"] for cell in resolved.cells] == [1, 2, 5]


def test_no_test_pair_is_seen():
    task = Modular(modulus=11)
    group = group_of()
    lane = jax.device_put(lane_of(group.setup, **group.cells[0].lane))
    step = step_of(task)
    term = jax.jit(functools.partial(RULE, group.setup, lane))
    step.logits[50:] = 1e3
    changed = float(term(step))
    step.logits[50:] = 0
    step.examples.labels[50:] = 0
    assert float(term(step)) == changed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frequencies": "6"}, "frequencies='6': 6 must be in 1 … 5, up to half"),
        ({"frequencies": "0,1"}, "frequencies='0,1': 0 must be in 1 … 5"),
        ({"frequencies": "2,2"}, "frequencies='2,2' holds one twice"),
        ({"frequencies": ""}, "objective='frequencies' needs some: give frequency="),
        ({"frequency": (2, 6)}, "frequency=6 must be in 1 … 5, up to half of the 11"),
        ({"frequency": (-1,)}, "frequency=-1 must be at least 0"),
        ({"frequencies": "2,"}, "frequencies='2,' must be whole numbers with commas"),
        ({"frequencies": "a"}, "frequencies='a' must be whole numbers"),
        (
            {"operation": "x^2+y^2"},
            "objective='frequencies' needs a task with a Fourier reading",
        ),
        ({"objective": "trig"}, "objective='trig' is unknown; choose one of loss"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(fields, message):
    config = tiny.config(modulus=11, **FIELDS | fields)
    with pytest.raises(ValueError, match=message):
        grid.resolve(config)


@pytest.mark.slow
def test_the_network_obeys(tmp_path):
    """Left free, this seed needs frequency 3 above all."""
    config = tiny.config(
        modulus=11,
        train_fraction=(0.8,),
        learning_rate=(0.01,),
        steps=(300,),
        eval_every=100,
        stop="steps",
        measures="fourier",
        block_width=1,
    )
    config.chain = {
        "free": {},
        "forbidden": FIELDS | {"frequencies": "3", "excluded_weight": (1.0,)},
        "favoured": {
            "objective": "frequencies",
            "frequency": (2,),
            "trig_weight": (1.0,),
        },
    }
    dataset = jaxgrok.run(config, tmp_path, quiet=True)
    excluded = dataset.excluded_loss.isel(step=-1)
    free, forbidden, favoured = excluded.transpose("cell", "freq").values
    assert free.argmax() == 3 - 1 and free[2] > 10
    assert forbidden[2] < 1 and forbidden.max() > 5
    assert favoured.argmax() == 2 - 1 and favoured[2] < 1
