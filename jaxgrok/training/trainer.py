"""Initialise, train and evaluate one lane; every function here is traced by jit.

>>> state = init(setup, lane)
>>> state = train(setup, lane, state, n_steps=100)
>>> state, record = evaluate(setup, lane, state)
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgrok.models import model_inputs
from jaxgrok.outcomes.grok_rule import run_length
from jaxgrok.tasks import Example, blank, component_names, is_pool
from jaxgrok.training import examples as data
from jaxgrok.training import optimisers
from jaxgrok.training.lane import Lane
from jaxgrok.training.losses import cross_entropy, is_argmax
from jaxgrok.training.measures import MEASURES, NOTHING, Evaluation
from jaxgrok.training.objectives import OBJECTIVES, Step
from jaxgrok.training.precision import apply
from jaxgrok.training.records import COMPONENT_CURVES, NEVER, schema
from jaxgrok.training.setup import Setup

Params = dict[str, jax.Array]


class LaneState(NamedTuple):
    """Everything a lane carries from step to step; arrays only."""

    step: jax.Array
    """Updates made so far."""
    params: Params
    """Parameters by their TransformerLens names."""
    opt_state: Any
    """Optax state of the optimiser."""
    order: jax.Array
    """[examples] the seed's permutation of a pool; [0] for a sampled task."""
    max_train_loss: jax.Array
    """Largest training loss (before an update) since the last evaluation."""
    diverged_step: jax.Array
    """First step whose training loss was not finite, or `records.NEVER` (-1)."""
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
        example = blank(setup.task)
        key, extras = data.stream(lane.seed, "init"), model_inputs(setup.task, example)
        params = setup.model.init(key, example.tokens, **extras)["params"]
        params = jax.tree.map(lambda w: w * lane.init_scale.astype(w.dtype), params)
    # A sampled task has one row, not none: orbax refuses an empty array.
    pool = setup.task.pool_size if is_pool(setup.task) else 1
    return LaneState(
        step=jnp.int32(0),
        params=params,
        opt_state=optimisers.build(setup, lane, jnp.int32(0)).init(params),
        order=data.order(lane.seed, pool),
        max_train_loss=jnp.array(-jnp.inf, setup.dtype),
        diverged_step=jnp.int32(NEVER),
        held=jnp.int32(0),
        stop_step=jnp.int32(-1),
    )


def train(
    setup: Setup,
    lane: Lane,
    state: LaneState,
    n_steps: int | jax.Array,
    *,
    over: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda one: one,
) -> LaneState:
    """Make `n_steps` updates; a traced count compiles once.

    Args:
        setup: of the lane.
        lane: to train, or several that `over` maps over.
        state: of each.
        n_steps: updates to make.
        over: `jax.vmap` for several lanes. A loop under `vmap` would be traced several
            times, one around it once.
    """
    # Made again from the seed in every chunk, so that no state carries examples.
    train_set = over(functools.partial(data.train_set, setup))
    examples = train_set(lane, state.order)
    update = over(functools.partial(step, setup))

    def body(_: jax.Array, state: LaneState) -> LaneState:
        updated: LaneState = update(lane, state, examples)
        return updated

    trained: LaneState = jax.lax.fori_loop(0, n_steps, body, state)
    return trained


def step(setup: Setup, lane: Lane, state: LaneState, examples: Example) -> LaneState:
    """Make one update on the lane's training set, or on the batch whose turn it is."""
    rows, weights = data.batch(setup, lane, examples, state.step)
    update = functools.partial(_update, setup)
    updated: LaneState = apply(setup.products, update, lane, state, rows, weights)
    return updated


def _update(
    setup: Setup,
    lane: Lane,
    state: LaneState,
    examples: Example,
    weights: jax.Array,
) -> LaneState:
    """Make one update on the weighted mean of the examples' losses."""
    dropout = None
    if setup.dropout:
        key = jax.random.fold_in(data.stream(lane.seed, "dropout"), state.step)
        dropout = (lane.dropout.astype(setup.dtype), key)

    def objective(params: Params) -> tuple[jax.Array, jax.Array]:
        losses, logits = _losses(setup, params, examples, dropout)
        loss = jnp.sum(losses.mean(-1) * weights)
        if setup.objective == "loss":
            return loss, loss
        term = OBJECTIVES[setup.objective].rule
        return loss + term(setup, lane, Step(examples, weights, logits)), loss

    (total, loss), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
    with jax.named_scope("optimiser"):
        optimiser = optimisers.build(setup, lane, state.step)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
    # The loss is that of the weights before the update, hence of this step.
    diverges = ~jnp.isfinite(total) & (state.diverged_step < 0)
    return state._replace(
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        opt_state=opt_state,
        max_train_loss=jnp.maximum(state.max_train_loss, loss),
        diverged_step=jnp.where(diverges, state.step, state.diverged_step),
    )


def _losses(
    setup: Setup,
    params: Params,
    examples: Example,
    dropout: tuple[jax.Array, jax.Array] | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Return the loss of each prediction [examples, read], and the logits."""
    extras = model_inputs(setup.task, examples)
    if dropout is not None:
        extras |= {"dropout": dropout}
    logits, _ = setup.model.apply({"params": params}, examples.tokens, **extras)
    with jax.named_scope("loss"):
        return cross_entropy(logits, examples.labels, arm=setup.loss), logits


def evaluate(setup: Setup, lane: Lane, state: LaneState) -> tuple[LaneState, jax.Array]:
    """Evaluate a lane on its train and test examples.

    Returns:
        The state, and one record packed by `records.schema`. Test metrics are NaN
        where every example trains.
    """
    record_lane = functools.partial(_evaluate, setup)
    evaluated: tuple[LaneState, jax.Array]
    evaluated = apply(setup.products, record_lane, lane, state)
    return evaluated


def _evaluate(
    setup: Setup, lane: Lane, state: LaneState
) -> tuple[LaneState, jax.Array]:
    """Make the record, and the state without what counts since the last one."""
    examples, is_train, is_test = data.evaluation(setup, lane, state.order, state.step)
    losses, matches, logits = _predictions(setup, state.params, examples)
    # One value for each prediction of each example: [examples, read].
    metrics = {
        "train_loss": (losses, is_train),
        "train_accuracy": (matches, is_train),
        "test_loss": (losses, is_test),
        "test_accuracy": (matches, is_test),
    }
    curves = {
        name: _mean(values.mean(-1), counts)
        for name, (values, counts) in metrics.items()
    }
    state = _watch(setup, state, curves["train_loss"], curves["test_accuracy"])
    # The loop saw losses before its updates; this one follows the last of them.
    curves["max_train_loss"] = jnp.maximum(state.max_train_loss, curves["train_loss"])
    matrices = sorted(state.params)
    squares = [jnp.sum(state.params[name] ** 2) for name in matrices]
    curves["sum_of_squares"] = jnp.stack(squares)
    if component_names(setup.task):
        for name, whole in COMPONENT_CURVES.items():
            curves[name] = _component_means(setup, examples, *metrics[whole])
    measure = MEASURES.get(setup.measures, NOTHING)
    evaluation = Evaluation(
        setup.task, state.params, examples, logits, losses, is_train, is_test
    )
    record = schema(setup, matrices).pack(
        curves | dict(measure.function(evaluation)),
        finished=_is_finished(lane, state),
        diverged_step=state.diverged_step,
        dtype=setup.dtype,
    )
    state = state._replace(max_train_loss=jnp.array(-jnp.inf, setup.dtype))
    return state, record


def _predictions(
    setup: Setup, params: Params, examples: Example
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return loss and match of each prediction [examples, read], and the logits.

    A large pool is computed slice by slice, and has logits only where a measure asks
    for them: p³ of them are 4 GB at p = 997.
    """

    def predict(part: Example) -> tuple[jax.Array, jax.Array, jax.Array]:
        losses, logits = _losses(setup, params, part)
        matches = is_argmax(logits, part.labels).astype(setup.dtype)
        return losses, matches, logits

    def predict_slice(part: Example) -> tuple[jax.Array, jax.Array, jax.Array]:
        losses, matches, logits = predict(part)
        return losses, matches, logits if setup.measures in MEASURES else logits[:0]

    rows = setup.slice_rows
    if rows is None:
        return predict(examples)
    size = len(examples.labels)
    # The last slice is filled up with the first examples.
    slices = -(-size // rows)
    index = jnp.resize(jnp.arange(size), (slices, rows))
    parts = jax.tree.map(lambda x: x[index], examples)
    losses, matches, logits = (
        x.reshape(-1, *x.shape[2:])[:size] for x in jax.lax.map(predict_slice, parts)
    )
    return losses, matches, logits


def _is_finished(lane: Lane, state: LaneState) -> jax.Array:
    """Tell whether the budget is spent, the loss diverged or the grok rule is met."""
    finished: jax.Array = (
        (state.step >= lane.steps)
        | (state.diverged_step >= 0)
        | ((state.stop_step >= 0) & (state.step >= state.stop_step))
    )
    return finished


def _mean(values: jax.Array, counts: jax.Array) -> jax.Array:
    """Average values [examples] over those that count."""
    # A product with 0 would let a NaN through. 0 / 0 is NaN where nothing counts.
    return jnp.sum(jnp.where(counts, values, 0)) / jnp.sum(counts)


def _component_means(
    setup: Setup, examples: Example, values: jax.Array, counts: jax.Array
) -> jax.Array:
    """Average values [examples, read] over the predictions of each component.

    Args:
        setup: says the task.
        examples: the evaluated examples.
        values: [examples, read].
        counts: [examples] bool: which of the examples count.

    Returns:
        [components], NaN where a component has no prediction.
    """
    task = setup.task
    index = jnp.asarray(task.component(examples.tokens, examples.labels))
    # The task may number its read positions once for all examples: [read].
    index = jnp.broadcast_to(index.reshape(-1, index.shape[-1]), values.shape)
    components = jnp.arange(len(task.components))
    # [examples, read, components]: which predictions belong to which component.
    belongs = (index[..., None] == components[None, None]) & counts[:, None, None]
    totals = jnp.sum(jnp.where(belongs, values[..., None], 0), (0, 1))
    return totals / belongs.sum((0, 1))


def _watch(
    setup: Setup, state: LaneState, train_loss: jax.Array, test_accuracy: jax.Array
) -> LaneState:
    """Note divergence, and the step at which the grok rule will end this lane."""
    thresholds = setup.thresholds
    held = run_length(state.held, test_accuracy >= thresholds.accuracy)
    diverges = ~jnp.isfinite(train_loss) & (state.diverged_step < 0)
    state = state._replace(
        held=held, diverged_step=jnp.where(diverges, state.step, state.diverged_step)
    )
    if setup.stop == "steps":
        return state
    # Set once: an accuracy that falls again does not keep the lane from ending.
    holds = (held >= thresholds.hold) & (state.stop_step < 0)
    stop_step = jnp.where(holds, state.step + setup.steps_past_grok, state.stop_step)
    return state._replace(stop_step=stop_step)
