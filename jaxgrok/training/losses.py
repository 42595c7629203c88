"""Cross entropies: the loss of each example, in named arithmetics or your own.

Which examples count, and how they are averaged, is the caller's business.

    >>> loss = cross_entropy(logits, labels)  # [examples, vocab], [examples]
    >>> jaxgrok.losses.register("squared", squared)     # then: config.loss = "squared"
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgrok.fields.registry import Registry

Arm = Callable[[jax.Array, jax.Array], jax.Array]
"""Maps logits [..., vocab] and labels [...] to losses [...]; traceable."""


def cross_entropy(
    logits: jax.Array, labels: jax.Array, arm: str = "exact"
) -> jax.Array:
    """Compute the loss of each example, in nats, in the dtype of the logits.

    - `exact` (default): nothing cancels, so value and every component of the gradient
      are right to 1e-6 relative in float32, down to the smallest normal number,
      1.18e-38 (a right answer by 87 nats). Subnormals are not kept: XLA on CPU flushes
      them to zero.
    - `float64`: casts up, as in "A Mechanistic Interpretability Analysis of Grokking"
      (Nanda & Lieberum 2022); works with x64 off. First derivatives only.
    - `float32`: plain `log_softmax`, shows the slingshots the post describes: no loss
      lies between 0 and 1.19e-7, and where it reads 0 the right logit's gradient is 0.

    - `stablemax`: of StableMax's probabilities s(l) / sum s, s(l) = l + 1 for l ≥ 0 and
      1 / (1 - l) below, from "Grokking at the Edge of Numerical Stability" (Prieto et
      al. 2025). They go to 0 as 1 / |l|: no loss is 0. As exact as `exact`.

    A NaN or infinite logit gives a NaN loss; only a right logit of -inf gives inf, and
    in `stablemax` an infinite wrong one too; there a wrong one of -inf is no class.

    Args:
        logits: [..., vocab], float32 (or float64 under x64).
        labels: [...], integers in 0 … vocab - 1.
        arm: a name of `LOSSES`.

    Returns:
        Losses [...].

    Raises:
        ValueError: the arm is unknown.
    """
    return LOSSES[arm](jnp.asarray(logits), jnp.asarray(labels))


def _with_gradient(rule: Callable[..., tuple[jax.Array, jax.Array]]) -> Arm:
    """Make a loss of a rule that returns it with its gradient by the logits."""

    @jax.custom_jvp
    def loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
        return rule(logits, labels)[0]

    # A jvp rule costs what a vjp rule costs here, and forward mode works too.
    @loss.defjvp
    def _(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
        value, gradient = rule(*primals)
        return value, jnp.sum(gradient * tangents[0], axis=-1)

    return loss


def _exact(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Compute loss [...] and gradient [..., vocab], with one exponential a class.

    With `top` the largest logit and Z = sum exp(l - top),

        loss = (top - right) + log Z,   Z - 1 = W + expm1(right - top),

    W being the sum over the wrong classes. If the right class is on top, both first
    terms vanish exactly and log1p(W) is left; otherwise log Z adds to something
    positive. The gradient is exp(l - top) / Z, and -W / Z (not p - 1) for the right
    class.
    """
    top = jnp.max(logits, axis=-1, keepdims=True)
    # Exponentials are taken 16 to 32 below `top`, where the terms of a barely normal W
    # are still normal numbers themselves.
    origin = 16 * jnp.floor(top / 16) - 16
    exps = _exp_difference(logits, origin)
    exp_top = _exp_difference(top, origin)

    right, is_right = right_logits(logits, labels)
    wrong = jnp.sum(jnp.where(is_right, 0.0, exps), axis=-1, keepdims=True)

    excess = wrong / exp_top + jnp.expm1(right - top)
    loss = (top - right) + jnp.log1p(excess)
    gradient = jnp.where(is_right, -wrong, exps) / (exp_top * (1 + excess))
    return jnp.squeeze(loss, axis=-1), gradient


def _stablemax(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Compute loss [...] and gradient [..., vocab] of StableMax.

    With W the sum of s over the wrong classes and r the right class,

        loss = log(1 + W / s_r),   d loss / d l = s' / (W + s_r),

    and -s' W / (s_r (W + s_r)) for the right class: sums of positive terms alone.
    """
    below = 1 - jnp.minimum(logits, 0)
    odds = (1 + jnp.maximum(logits, 0)) / below
    right, is_right = right_logits(odds, labels)
    # An infinite logit of the right class is no certainty, but a divergence.
    right = jnp.where(jnp.isinf(right), jnp.nan, right)
    wrong = jnp.sum(jnp.where(is_right, 0.0, odds), axis=-1, keepdims=True)
    slope = 1 / below**2
    gradient = slope * jnp.where(is_right, -wrong / right, 1) / (wrong + right)
    return jnp.squeeze(jnp.log1p(wrong / right), axis=-1), gradient


def right_logits(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Select the logits of the labels, without a gather: accelerators are slow at it.

    Args:
        logits: [..., vocab].
        labels: [...] integers.

    Returns:
        The logits [..., 1], NaN for a label that is no class, and a mask [..., vocab].
    """
    labels = labels.astype(jnp.int32)[..., None]
    is_right = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    is_right = is_right == labels
    right = jnp.sum(jnp.where(is_right, logits, 0.0), axis=-1, keepdims=True)
    is_class = (labels >= 0) & (labels < logits.shape[-1])
    return jnp.where(is_class, right, jnp.nan), is_right


def is_argmax(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Tell where argmax(logits [..., vocab]) is the label; nowhere beside a NaN.

    Without an argmax, which is slow on accelerators: the label must have the largest
    logit, and be the first class that has it.
    """
    right, _ = right_logits(logits, labels)
    top = jnp.max(logits, axis=-1, keepdims=True)
    classes = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    is_before = classes < labels.astype(jnp.int32)[..., None]
    # In floats, so that XLA counts in the loss's pass over the logits.
    ties = jnp.sum(is_before & (logits == top), axis=-1, dtype=jnp.float32)
    return (jnp.squeeze(right == top, axis=-1)) & (ties == 0)


def _exp_difference(a: jax.Array, origin: jax.Array) -> jax.Array:
    """Compute exp(a - origin) without the rounding of a - origin.

    The origin is a multiple of 16.

    Half an ulp of a difference near 80 would be 4e-6 of its exponential. An origin with
    few bits makes `difference + origin` exact wherever the difference was rounded, so
    two operations recover the error, for 4% of the time of loss and gradient on CPU.
    """
    difference = a - origin
    error = a - (difference + origin)
    exp = jnp.exp(difference)
    return exp + exp * error


# Under jit so that NumPy int64 labels are narrowed before float64 and int64 exist.
@jax.jit
def _float64(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Compute loss [...] and gradient [..., vocab] in float64, then cast back."""
    # The gradient is formed here too: autodiff would transpose the cast outside this
    # context, where float64 does not exist.
    with jax.enable_x64(True):
        log_p = jax.nn.log_softmax(logits.astype(jnp.float64))
        loss = -jnp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
        one_hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=jnp.float64)
        gradient = jnp.exp(log_p) - one_hot
        return loss.astype(logits.dtype), gradient.astype(logits.dtype)


def _float32(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Compute loss [...] as plain float32 code does; autodiff gives its gradient."""
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
    loss = -jnp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
    return loss.astype(logits.dtype)


def _check(words: str, loss: Any) -> None:
    """Refuse a loss that is no function."""
    if not callable(loss):
        raise ValueError(f"{words} must be a function of logits and labels")


LOSSES: Registry[Arm] = Registry(
    "loss",
    {
        "exact": _with_gradient(_exact),
        "float64": _with_gradient(_float64),
        "float32": _float32,
        "stablemax": _with_gradient(_stablemax),
    },
    _check,
)


def register(name: str, loss: Arm) -> None:
    """Make a loss known by name.

    Args:
        name: what `config.loss` calls it.
        loss: maps logits [..., vocab] and labels [...] to losses [...], traceable.

    Raises:
        ValueError: the name is taken, or the loss is no function.
    """
    LOSSES.register(name, loss)
