"""A constant weight norm by hand, in float64."""

import jax
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.training import trainer
from jaxgrok.training.optimisers.constant_norm import norm_of
from jaxgrok.training.setup import lane_of
from stepped import (
    DECAY,
    PARAMS,
    adamw,
    gradients,
    run,
    run_beside_another,
    run_in_float64,
    same,
)


def by_hand(steps):
    """AdamW, after each of whose steps all weights are scaled to the first norm."""
    params = {name: w.astype(float) for name, w in PARAMS.items()}
    memories = {name: {} for name in params}

    def norm():
        return np.sqrt(sum((w**2).sum() for w in params.values()))

    first = norm()
    for count in range(steps):
        for name, g in gradients(count).items():
            g = g.astype(float)
            params[name] = adamw(params[name], g, memories[name], count, DECAY)
        scale = first / norm()
        params = {name: scale * w for name, w in params.items()}
    return params


def test_all_weights_are_scaled_back_to_their_first_norm():
    same(run(5, weight_norm="constant"), by_hand(5))
    same(run_beside_another(5, weight_norm="constant"), by_hand(5))
    exact = run_in_float64(5, weight_norm="constant")
    same(exact, by_hand(5), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    ("optimiser", "model"),
    [
        ("lion", "mlp"),
        pytest.param("muon", "transformer", marks=pytest.mark.long),
    ],
)
def test_the_norm_is_that_of_the_initial_weights_whatever_the_optimiser(
    optimiser, model
):
    group = tiny.group(
        weight_norm="constant",
        init_scale=(0.5,),
        warmup_steps=0,
        optimiser=optimiser,
        model=model,
    )
    lane = jax.device_put(lane_of(group.setup, **group.cells[0].lane))
    state = jax.jit(trainer.init, static_argnums=0)(group.setup, lane)
    after = jax.jit(trainer.train, static_argnums=0)(group.setup, lane, state, 20)
    np.testing.assert_allclose(norm_of(after.params), norm_of(state.params), rtol=1e-6)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.params, state.params)
    assert min(moved.values()) > 1e-3


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="weight_norm='fixed' must be one of free"):
        grid.resolve(tiny.config(weight_norm="fixed"))
