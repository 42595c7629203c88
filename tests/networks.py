"""Tiny transformers, tokens and parameters for the tests of the models."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.circuits.network import read
from jaxgrok.models import transformer
from jaxgrok.models.attention_output import AttentionOutput, PatternRows
from jaxgrok.models.device_costs import CPU
from jaxgrok.tasks import Example, Sampled, draw, is_pool

DRAW = jax.jit(draw, static_argnums=(0, 2))


class Reads(Sampled):
    """A task stand-in that reads several positions, one of them not fixed."""

    universe, sample = 0, None
    vocab_in, vocab_out = 6, 5
    read = (1, 3)
    fixed_tokens = (None, None, 5, None, None)


class Free(Sampled):
    """A task stand-in that has no fixed token."""

    universe, sample = 0, None
    vocab_in, vocab_out = 6, 5
    read = (1,)
    fixed_tokens = (None, None, None)


def build(task, **fields):
    """A transformer of width 8 with two heads; `fields` override."""
    sizes = {"layers": 1, "d_model": 8, "heads": 2, "d_head": 3, "d_mlp": 12}
    return transformer.build(task, **sizes | fields)


def random_params(model, tokens, **extras):
    """Parameters without a zero among them; a program that draws them takes seconds."""
    generator = np.random.default_rng(1)
    shapes = jax.eval_shape(model.init, jax.random.key(0), tokens, **extras)["params"]
    return {
        name: (0.5 * generator.normal(size=like.shape)).astype(like.dtype)
        for name, like in shapes.items()
    }


def tokens_of(task, count):
    """Random tokens [count, pos], the fixed ones in their places."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(task.vocab_in, size=(count, len(task.fixed_tokens)))
    for pos, token in enumerate(task.fixed_tokens):
        if token is not None:
            tokens[:, pos] = token
    return jnp.asarray(tokens, jnp.int32)


def examples_of(task, count):
    """The first `count` of a pool, drawn ones, or random ones of a stand-in."""
    if getattr(task, "sample", None):
        return DRAW(task, jax.random.key(0), count)
    if is_pool(task):
        tokens, labels = task.pool()
        return Example(jnp.asarray(tokens[:count]), jnp.asarray(labels[:count]))
    generator = np.random.default_rng(1)
    labels = generator.integers(task.vocab_out, size=(count, len(task.read)))
    return Example(tokens_of(task, count), jnp.asarray(labels))


def initial(model):
    """Random weights, N(0, 1/d_model), without compiling the model's own."""
    generator, tokens = np.random.default_rng(0), jnp.zeros((1, 3), jnp.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    scale = model.d_model**-0.5
    return {
        name: generator.normal(size=value.shape, scale=scale).astype(np.float32)
        for name, value in shapes.items()
    }


def random_network(task, is_train=None, **fields):
    model = transformer.build(task, d_model=32, d_head=8, d_mlp=64, **fields)
    return read(task, model, initial(model), is_train)


def attention_output(biases=True):
    """Two heads of width 3 at `=` of five examples `x y =`, looked up: x, y below 5."""
    generator = np.random.default_rng(2)

    def normal(*shape):
        return jnp.asarray(generator.normal(size=shape), jnp.float32)

    row_index = generator.integers(5, size=(5, 3)) + np.array([[0, 5, 0]])
    row_index[:, 2] = 10
    weights = generator.random((5, 2, 1, 3))
    pattern = jnp.asarray(weights / weights.sum(-1, keepdims=True), jnp.float32)
    v = normal(1, 11, 2, 3)
    z = jnp.einsum("ehqp,ephd->eqhd", pattern, v[0, row_index])
    return AttentionOutput(
        z=z.reshape(5, 1, 6),
        v=v,
        W_O=normal(6, 4),
        b_O=normal(1, 1, 4) if biases else None,
        costs=CPU,
        rows=PatternRows(pattern, jnp.asarray(row_index), (False, False, True)),
    )
