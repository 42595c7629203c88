"""One lane: initialise, train, evaluate. Knows no lanes axis and no files.

>>> state = init(setup, lane)
>>> state = train(setup, lane, state, n_steps=100)
>>> state, record = evaluate(setup, lane, state)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgrok.models import model_inputs
from jaxgrok.tasks import Example, blank, component_names, is_pool
from jaxgrok.training import examples as data
from jaxgrok.training import measures, optimisers
from jaxgrok.training.losses import cross_entropy
from jaxgrok.training.setup import Lane, Setup

Params = dict[str, jax.Array]


class LaneState(NamedTuple):
    """All that a lane carries from step to step; arrays only."""

    step: jax.Array
    """Updates made so far."""
    params: Params
    """Parameters by their TransformerLens names."""
    opt_state: Any
    """Optax state of the optimiser."""
    order: jax.Array
    """The seed's permutation of a pool: [examples]; of a sampled task, [0]."""
    max_train_loss: jax.Array
    """Largest training loss (before an update) since the last evaluation."""
    diverged_step: jax.Array
    """First step whose training loss was not finite, or -1."""
    held: jax.Array
    """Evaluations in a row with test accuracy at or above the threshold."""
    stop_step: jax.Array
    """Step at which the grok rule ends this lane, or -1 while it is unknown."""


def init(setup: Setup, lane: Lane, params: Params | None = None) -> LaneState:
    """Return the state before the first step; `params` overrides the initial weights.

    Weights and split come from the seed by named streams, so that they depend on the
    seed alone. `lane.init_scale` multiplies every initial weight.
    """
    if params is None:
        one = blank(setup.task)
        key, extras = data.stream(lane.seed, "init"), model_inputs(setup.task, one)
        params = setup.model.init(key, one.tokens, **extras)["params"]
        params = jax.tree.map(lambda w: w * lane.init_scale.astype(w.dtype), params)
    # Of a sampled task one row, not none: orbax refuses an empty array.
    pool = setup.task.pool_size if is_pool(setup.task) else 1
    return LaneState(
        step=jnp.int32(0),
        params=params,
        opt_state=optimisers.build(setup, lane, jnp.int32(0)).init(params),
        order=data.order(lane.seed, pool),
        max_train_loss=jnp.array(-jnp.inf, setup.dtype),
        diverged_step=jnp.int32(-1),
        held=jnp.int32(0),
        stop_step=jnp.int32(-1),
    )


def train(
    setup: Setup, lane: Lane, state: LaneState, n_steps: int | jax.Array
) -> LaneState:
    """Make `n_steps` updates; a traced count compiles once."""
    examples = data.train_set(setup, lane, state.order)

    def body(_: jax.Array, state: LaneState) -> LaneState:
        rows, weights = data.batch(setup, lane, examples, state.step)
        return _update(setup, lane, state, rows, weights)

    return jax.lax.fori_loop(0, n_steps, body, state)


def _update(
    setup: Setup,
    lane: Lane,
    state: LaneState,
    examples: Example,
    weights: jax.Array,
) -> LaneState:
    """One update on the weighted mean of the examples' losses."""
    dropout = None
    if setup.dropout:
        key = jax.random.fold_in(data.stream(lane.seed, "dropout"), state.step)
        dropout = (lane.dropout.astype(setup.dtype), key)

    def objective(params: Params) -> jax.Array:
        losses, _ = _losses(setup, params, examples, dropout)
        return jnp.sum(losses.mean(-1) * weights)

    loss, grads = jax.value_and_grad(objective)(state.params)
    optimiser = optimisers.build(setup, lane, state.step)
    updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
    lost = ~jnp.isfinite(loss) & (state.diverged_step < 0)
    return state._replace(
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        opt_state=opt_state,
        max_train_loss=jnp.maximum(state.max_train_loss, loss),
        diverged_step=jnp.where(lost, state.step, state.diverged_step),
    )


def _losses(
    setup: Setup,
    params: Params,
    examples: Example,
    dropout: tuple[jax.Array, jax.Array] | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Loss of each prediction [examples, read], and the logits."""
    extras = model_inputs(setup.task, examples)
    if dropout is not None:
        extras |= {"dropout": dropout}
    with jax.default_matmul_precision(setup.precision):
        logits, _ = setup.model.apply({"params": params}, examples.tokens, **extras)
    return cross_entropy(logits, examples.labels, arm=setup.loss), logits


def evaluate(setup: Setup, lane: Lane, state: LaneState) -> tuple[LaneState, jax.Array]:
    """Evaluate on train and test examples; return the state and one packed record.

    The record holds CURVES, one sum of squared weights per matrix, sorted by name,
    COMPONENT_CURVES of each component if there are several, what `measures` names, and
    FLAGS. Test metrics are NaN where every example trains.
    """
    examples, is_train, is_test = data.evaluation(setup, lane, state.order, state.step)
    losses, logits = _losses(setup, state.params, examples)
    right = (jnp.argmax(logits, axis=-1) == examples.labels).astype(setup.dtype)
    means = [
        _mean(values.mean(-1), where)
        for where in (is_train, is_test)
        for values in (losses, right)
    ]
    train_loss, _, _, test_accuracy = means
    state = _watch(setup, state, train_loss, test_accuracy)
    squares = [jnp.sum(w**2) for _, w in sorted(state.params.items())]
    finished = (
        (state.step >= lane.steps)
        | (state.diverged_step >= 0)
        | ((state.stop_step >= 0) & (state.step >= state.stop_step))
    )
    record = [*means, jnp.maximum(state.max_train_loss, train_loss), *squares]
    parts = [jnp.stack([jnp.asarray(x, setup.dtype) for x in record])]
    if component_names(setup.task):
        for where in (is_train, is_test):
            for values in (losses, right):
                parts.append(_component_means(setup, examples, values, where))
    if setup.measures == "fourier":
        parts.append(measures.measure(setup.task, state.params, logits[:, 0], is_train))
    flags = (finished, state.diverged_step)
    parts.append(jnp.stack([jnp.asarray(flag, setup.dtype) for flag in flags]))
    state = state._replace(max_train_loss=jnp.array(-jnp.inf, setup.dtype))
    return state, jnp.concatenate(parts)


def _mean(values: jax.Array, where: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(where, values, 0)) / jnp.sum(where)


def _component_means(
    setup: Setup, examples: Example, values: jax.Array, where: jax.Array
) -> jax.Array:
    """Mean of values [examples, read] over the predictions of each component.

    NaN where a component has none.
    """
    task = setup.task
    index = jnp.asarray(task.component(examples.tokens, examples.labels))
    index = jnp.broadcast_to(index.reshape(-1, index.shape[-1]), values.shape)
    among = jnp.arange(len(task.components))
    mine = (index[..., None] == among[None, None]) & where[:, None, None]
    return jnp.sum(jnp.where(mine, values[..., None], 0), (0, 1)) / mine.sum((0, 1))


def _watch(
    setup: Setup, state: LaneState, train_loss: jax.Array, test_accuracy: jax.Array
) -> LaneState:
    """Note divergence, and the step at which the grok rule will end this lane."""
    thresholds = setup.thresholds
    held = jnp.where(test_accuracy >= thresholds.accuracy, state.held + 1, 0)
    lost = ~jnp.isfinite(train_loss) & (state.diverged_step < 0)
    state = state._replace(
        held=held, diverged_step=jnp.where(lost, state.step, state.diverged_step)
    )
    if setup.stop == "steps":
        return state
    now = (held >= thresholds.hold) & (state.stop_step < 0)
    stop_step = jnp.where(now, state.step + setup.steps_past_grok, state.stop_step)
    return state._replace(stop_step=stop_step)
