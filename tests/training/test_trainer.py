"""One lane: the optimiser by hand, the streams, the records and the flags."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok.outcomes.grok_rule import first_held
from jaxgrok.tasks import Example
from jaxgrok.training import examples, trainer
from jaxgrok.training.records import schema
from jaxgrok.training.setup import lane_of

train = jax.jit(trainer.train, static_argnums=0)
evaluate = jax.jit(trainer.evaluate, static_argnums=0)
init = jax.jit(trainer.init, static_argnums=0)
watch = jax.jit(trainer._watch, static_argnums=0)


def lane(setup, cell, **fields):
    return jax.device_put(lane_of(setup, **cell.lane | fields))


def unpacked(setup, state, record):
    return schema(setup, sorted(state.params)).unpack(np.asarray(record))


def start(group, **fields):
    one = lane(group.setup, group.cells[0], **fields)
    return one, init(group.setup, one)


def by_hand(w, m, v, g, step, *, rate, b1, b2, decay, eps=1e-8):
    """AdamW as Loshchilov & Hutter write it, in float64."""
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**step), v / (1 - b2**step)
    return w - rate * (m_hat / (np.sqrt(v_hat) + eps) + decay * w), m, v


@pytest.mark.long
@pytest.mark.parametrize("decay", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("beta2", [0.98, 0.999])
def test_update_is_a_hand_written_adamw_step(decay, beta2):
    group = tiny.group(model="transformer")
    setup = group.setup
    one, state = start(group, weight_decay=decay, beta2=beta2, learning_rate=3e-3)
    tokens, labels = setup.task.pool()
    rows = np.asarray(state.order)[: int(one.n_train)]

    def mean_loss(params):
        return trainer._losses(setup, params, Example(tokens[rows], labels[rows]))[
            0
        ].mean()

    gradient = tiny.jit(jax.grad(mean_loss))
    train = tiny.jit(trainer.train, static_argnums=0)
    zeros = {k: np.zeros(w.shape) for k, w in state.params.items()}
    m, v = dict(zeros), dict(zeros)
    for count in range(1, 16):
        grads = gradient(state.params)
        after = train(setup, one, state, 1)
        rate = 3e-3 * min((count - 1) / 10, 1)
        for name, w in state.params.items():
            w, g = np.float64(w), np.float64(grads[name])
            want, m[name], v[name] = by_hand(
                w, m[name], v[name], g, count, rate=rate, b1=0.9, b2=beta2, decay=decay
            )
            ulps = np.abs(after.params[name] - want) / np.spacing(np.float32(np.abs(w)))
            moved = np.abs(want - w)
            # An update rounds once where it is added. The gradient is that of another
            # program, whose rounding moves an update by up to 4e-5 of it.
            slack = 1 + 5e-5 * moved / np.spacing(np.float32(np.abs(w)))
            assert (ulps <= slack).all(), (name, count, ulps.max())
        state = after


def test_the_first_update_has_rate_zero_but_feeds_the_moments():
    group = tiny.group()
    one, state = start(group)
    after = train(group.setup, one, state, 1)
    for name, w in state.params.items():
        np.testing.assert_array_equal(after.params[name], w)
    assert any(jnp.any(m != 0) for m in after.opt_state[0].mu.values())
    assert after.step == 1


def test_vmapped_hyper_parameters_are_the_static_ones():
    group = tiny.group(weight_decay=(0.0, 2.0), learning_rate=(1e-3, 1e-2))
    lanes = [lane(group.setup, cell) for cell in group.cells]
    run = functools.partial(trainer.train, group.setup, n_steps=12)
    init = functools.partial(trainer.init, group.setup)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    together = jax.jit(jax.vmap(lambda one: run(one, init(one)).params))(stacked)
    alone = jax.jit(lambda one: run(one, init(one)).params)
    for i, one in enumerate(lanes):
        for name, w in alone(one).items():
            np.testing.assert_allclose(together[name][i], w, rtol=2e-4, atol=2e-6)


def test_train_sets_are_nested_and_depend_on_the_seed_alone():
    group = tiny.group()
    _, a = start(group, n_train=5, weight_decay=0.0)
    _, b = start(group, n_train=40, weight_decay=1.0)
    _, c = start(group, n_train=5, seed=1)
    np.testing.assert_array_equal(a.order, b.order)
    assert (np.asarray(a.order) != np.asarray(c.order)).any()
    assert sorted(np.asarray(a.order).tolist()) == list(range(49))


def test_streams_differ_by_name_and_by_seed():
    keys = [
        jax.random.key_data(examples.stream(jnp.int32(seed), name)).tolist()
        for seed in (0, 1)
        for name in ("init", "split")
    ]
    assert len({tuple(key) for key in keys}) == 4


def test_padding_changes_no_loss():
    group = tiny.group()
    one, state = start(group, n_train=17)
    for size in (17, 24, 49):
        setup = dataclasses.replace(group.setup, train_size=size)
        after = train(setup, one, state, 1)
        if size == 17:
            want = after.max_train_loss
        np.testing.assert_allclose(after.max_train_loss, want, rtol=1e-6)


def test_record_holds_what_it_says():
    group = tiny.group()
    setup = group.setup
    one, state = start(group)
    _, record = evaluate(setup, one, state)
    columns = schema(setup, sorted(state.params)).columns
    values = np.asarray(record)
    tokens, labels = setup.task.pool()
    logits, _ = jax.jit(setup.model.apply)({"params": state.params}, tokens)
    log_p = np.float64(jax.nn.log_softmax(logits[:, 0]))
    losses = -log_p[np.arange(49), labels[:, 0]]
    right = np.argmax(log_p, -1) == labels[:, 0]
    is_train = np.isin(np.arange(49), np.asarray(state.order)[: int(one.n_train)])
    assert is_train.sum() == 24
    for name, rows in (("train", is_train), ("test", ~is_train)):
        for metric, each in (("loss", losses), ("accuracy", right)):
            found = values[columns(f"{name}_{metric}")]
            np.testing.assert_allclose(found, each[rows].mean(), rtol=1e-6)
    squares = values[columns("sum_of_squares")]
    want = [float((state.params[name] ** 2).sum()) for name in sorted(state.params)]
    np.testing.assert_allclose(squares, want, rtol=1e-5)


def test_largest_loss_between_evaluations_is_kept():
    group = tiny.group()
    one, state = start(group, learning_rate=0.3)
    losses = []
    for _ in range(12):
        state = train(group.setup, one, state, 1)
        losses.append(float(state.max_train_loss))
    running = np.maximum.accumulate(losses)
    np.testing.assert_array_equal(losses, running)
    state, record = evaluate(group.setup, one, state)
    column = schema(group.setup, sorted(state.params)).columns("max_train_loss")
    assert float(record[column]) >= running[-1]
    assert state.max_train_loss == -np.inf


def test_a_non_finite_loss_is_noted_with_its_step():
    group = tiny.group()
    one, state = start(group)
    state = train(group.setup, one, state, 3)
    broken = {k: w * jnp.nan for k, w in state.params.items()}
    state = train(group.setup, one, state._replace(params=broken), 7)
    state, array = evaluate(group.setup, one, state)
    record = unpacked(group.setup, state, array)
    assert record.finished and record.diverged_step == 3


def test_the_budget_ends_a_lane():
    group = tiny.group()
    one, state = start(group, steps=20)
    for want in (False, True):
        state = train(group.setup, one, state, 10)
        state, array = evaluate(group.setup, one, state)
        record = unpacked(group.setup, state, array)
        assert record.finished is want and record.diverged_step is None


@pytest.mark.parametrize(("past", "ends_at"), [(0, 3), (20, 5)])
def test_the_grok_rule_needs_accuracy_to_hold(past, ends_at):
    group = tiny.group(steps_past_grok=past)
    _, state = start(group)
    loss, good, bad = jnp.float32(1.0), jnp.float32(0.99), jnp.float32(0.98)
    # Two good evaluations and a bad one must not count.
    for accuracy in (good, good, bad):
        state = watch(group.setup, state, loss, accuracy)
        assert state.stop_step == -1
    for evaluation in range(1, 6):
        state = state._replace(step=jnp.int32(10 * evaluation))
        state = watch(group.setup, state, loss, good)
    assert state.stop_step == 10 * ends_at


def test_a_lane_stops_where_the_outcome_says_that_it_grokked():
    group = tiny.group(eval_every=10)
    thresholds = group.setup.thresholds
    _, state = start(group)
    levels = np.float32([0.5, 0.98, 0.99, 1.0])
    rng = np.random.default_rng(0)
    for values in rng.choice(levels, (8, 20), p=(0.1, 0.1, 0.4, 0.4)):
        lane, steps = state, 10 * np.arange(20)
        for step, value in zip(steps, values, strict=True):
            lane = lane._replace(step=jnp.int32(step))
            lane = watch(group.setup, lane, jnp.float32(1), jnp.asarray(value))
        grok_step = first_held(steps, values, thresholds.accuracy, thresholds.hold)
        ahead = 10 * (thresholds.hold - 1)
        assert lane.stop_step == (-1 if grok_step is None else grok_step + ahead)


def test_steps_rule_never_stops_early():
    group = tiny.group(stop="steps")
    _, state = start(group)
    for _ in range(5):
        state = watch(group.setup, state, jnp.float32(0), jnp.float32(1))
    assert state.stop_step == -1


def test_init_scale_multiplies_the_weights():
    group = tiny.group()
    _, one = start(group)
    _, three = start(group, init_scale=3.0)
    for name, w in one.params.items():
        np.testing.assert_allclose(three.params[name], 3 * w, rtol=1e-6)


def test_given_weights_are_used():
    group = tiny.group()
    one, state = start(group)
    given = {name: w + 1 for name, w in state.params.items()}
    state = jax.jit(trainer.init, static_argnums=0)(group.setup, one, given)
    np.testing.assert_array_equal(state.params["mlp.W_in"], given["mlp.W_in"])


@pytest.mark.long
@pytest.mark.parametrize("measures", ["none", "fourier"])
def test_evaluation_in_slices_is_that_of_the_whole_pool(measures, monkeypatch):
    group = tiny.group(measures=measures)
    setup = group.setup
    one, state = start(group)
    state = train(setup, one, state, 20)
    _, want = jax.jit(functools.partial(trainer.evaluate, setup))(one, state)
    # 49 pairs in slices of 9: the last one is filled up.
    monkeypatch.setattr("jaxgrok.training.setup.SLICE_PAIRS", 9)
    monkeypatch.setattr("jaxgrok.training.setup.SLICE_CLASSES", 8)
    assert setup.slice_rows == 9
    in_slices = jax.jit(functools.partial(trainer.evaluate, setup))
    _, record = in_slices(one, state)
    np.testing.assert_allclose(record, want, rtol=1e-5)
    logits = "f32[49,1,8]"
    assert (logits in str(jax.make_jaxpr(in_slices)(one, state))) == (
        measures == "fourier"
    )
