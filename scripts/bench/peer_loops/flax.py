"""Textbook Flax, for `peers.py`: one run after another, or all under `vmap`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.training.train_state import TrainState

from jaxgrok.training.losses import cross_entropy
from peer_loops import ATTENTION, BETAS, EPS, MLP, Arrays, Work


def _model(work: Work) -> Any:
    """A plain linen transformer: every position, no shortcut."""
    shape = {name: w.shape[1:] for name, w in work.weights.items()}
    d_head = shape["blocks.0.attn.W_Q"][-1]
    zeros = nn.initializers.zeros

    class Attention(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            W = {
                n: self.param(n, zeros, shape[f"blocks.0.attn.{n}"]) for n in ATTENTION
            }
            q, k, v = (jnp.einsum("epm,hmd->ehpd", x, W[f"W_{n}"]) for n in "QKV")
            scores = jnp.einsum("ehqd,ehkd->ehqk", q, k) / d_head**0.5
            mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            pattern = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
            z = jnp.einsum("ehqk,ehkd->ehqd", pattern, v)
            return jnp.einsum("ehpd,hdm->epm", z, W["W_O"])

    class Mlp(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            W = {n: self.param(n, zeros, shape[f"blocks.0.mlp.{n}"]) for n in MLP}
            hidden = nn.relu(x @ W["W_in"] + W["b_in"])
            return hidden @ W["W_out"] + W["b_out"]

    class Transformer(nn.Module):
        @nn.compact
        def __call__(self, tokens: jax.Array) -> jax.Array:
            W_E = self.param("W_E", zeros, shape["embed.W_E"])
            W_pos = self.param("W_pos", zeros, shape["pos_embed.W_pos"])
            W_U = self.param("W_U", zeros, shape["unembed.W_U"])
            x = W_E[tokens] + W_pos
            x = x + Attention(name="attn")(x)
            x = x + Mlp(name="mlp")(x)
            return x @ W_U

    return Transformer()


def _params(weights: Arrays) -> dict[str, Any]:
    """Weights as the plain linen transformer names them."""
    params: dict[str, Any] = {"attn": {}, "mlp": {}}
    for name, w in weights.items():
        *path, leaf = name.split(".")
        params.get(path[-1], params)[leaf] = w
    return params


class Flax:
    """Textbook Flax and optax: one run after another, or all under plain `vmap`."""

    def __init__(self, work: Work, lanes: int) -> None:
        jax.config.update("jax_default_matmul_precision", "highest")
        model = _model(work)
        self.lanes = lanes
        rate = optax.linear_schedule(0.0, work.learning_rate, work.warmup)
        tx = optax.adamw(rate, *BETAS, eps=EPS, weight_decay=work.weight_decay)

        def losses(params: Any, rows: Any) -> tuple[jax.Array, jax.Array]:
            tokens, labels = rows
            logits = model.apply({"params": params}, tokens)[:, -1]
            right = jnp.argmax(logits, -1) == labels
            return cross_entropy(logits, labels).mean(), right.mean()

        def step(state: TrainState, rows: Any) -> TrainState:
            grads = jax.grad(lambda p: losses(p, rows)[0])(state.params)
            return state.apply_gradients(grads=grads)

        def evaluate(state: TrainState, train: Any, test: Any) -> jax.Array:
            pair = losses(state.params, train), losses(state.params, test)
            return jnp.stack([*pair[0], *pair[1]])

        def create(weights: Any) -> TrainState:
            return TrainState.create(
                apply_fn=model.apply, params=_params(weights), tx=tx
            )

        def rows_of(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return work.tokens[index], work.labels[index]

        if lanes == 1:
            one = {name: w[0] for name, w in work.weights.items()}
            self._train, self._test = rows_of(work.train[0]), rows_of(work.test[0])
        else:
            one = {name: w[:lanes] for name, w in work.weights.items()}
            train, test = work.train[:lanes], work.test[:lanes]
            self._train, self._test = rows_of(train), rows_of(test)
            step, evaluate, create = (jax.vmap(f) for f in (step, evaluate, create))
        self._train, self._test = jax.device_put((self._train, self._test))
        self._state = jax.jit(create)(one)
        self._evaluate = jax.jit(evaluate)
        self._step = jax.jit(step, donate_argnums=0)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self._state = self._step(self._state, self._train)
        jax.block_until_ready(self._state)

    def evaluate(self) -> np.ndarray:
        metrics = self._evaluate(self._state, self._train, self._test)
        return np.atleast_2d(np.asarray(metrics))[:, 0]
