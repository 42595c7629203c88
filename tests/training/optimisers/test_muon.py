"""Muon by hand, in float64: which parameters are matrices, and what becomes of them."""

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from stepped import DECAY, RATE, adamw, by_hand, check, run, same

pytestmark = pytest.mark.long

generator = np.random.default_rng(7)
SHAPES = {
    "embed.W_E": (5, 4),
    "blocks.0.attn.W_Q": (2, 4, 3),
    "blocks.0.attn.W_O": (2, 3, 4),
    "blocks.0.mlp.W_in": (4, 6),
    "blocks.0.mlp.W_out": (6, 4),
    "blocks.0.mlp.b_in": (6,),
    "blocks.0.ln1.w": (4,),
    "unembed.W_U": (4, 5),
}
PARAMS = {
    name: generator.normal(size=shape).astype(np.float32)
    for name, shape in SHAPES.items()
}
HIDDEN = ("W_Q", "W_O", "W_in", "W_out")
BETA = 0.95


def orthogonalised(x):
    """Five Newton-Schulz steps of Jordan's, for [rows, columns]."""
    x = x / (np.linalg.norm(x) + 1e-8)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


def matrices(name, x):
    """The matrices of a parameter: W_Q has one a head, W_O one for all heads."""
    if name.endswith("W_O"):
        return x.reshape(1, -1, x.shape[-1])
    return x.reshape(-1, *x.shape[-2:])


def muon(scale, ratio=1.0):
    """A step of Muon for the hidden matrices, and of AdamW for the others."""

    def rule(w, g, memory, count, decay):
        if not memory["name"].endswith(HIDDEN):
            return adamw(w, g, memory, count, decay)
        m = memory["m"] = BETA * memory.get("m", 0) + (1 - BETA) * g
        # Nesterov's look ahead, both parts corrected for their start at 0.
        m = BETA * m / (1 - BETA ** (count + 2)) + (1 - BETA) * g / (
            1 - BETA ** (count + 1)
        )
        parts = matrices(memory["name"], m)
        size = scale(*parts.shape[1:])
        step = size * np.stack([orthogonalised(part) for part in parts])
        return w - ratio * RATE * (step.reshape(w.shape) + decay * w)

    return rule


SCALES = {
    "rms": lambda rows, columns: 0.2 * np.sqrt(max(rows, columns)),
    "shape": lambda rows, columns: np.sqrt(max(1, columns / rows)),
}


@pytest.mark.parametrize("scale", SCALES)
def test_hidden_matrices_take_muon_s_step_and_the_others_adamw_s(scale):
    check(muon(SCALES[scale]), params=PARAMS, optimiser="muon", muon_scale=scale)


def test_the_hidden_matrices_rate_is_a_multiple_of_the_others():
    check(muon(SCALES["rms"], 3), params=PARAMS, optimiser="muon", muon_rate=3.0)


def test_decay_acts_where_it_is_asked_for():
    for pattern in ("W_in", "W_E", "W_*"):
        chosen = by_hand(
            muon(SCALES["rms"]),
            decays=lambda name, pattern=pattern: (
                name.endswith(pattern.strip("*"))
                or (pattern == "W_*" and ".W_" in name)
            ),
            params=PARAMS,
        )
        same(run(params=PARAMS, optimiser="muon", decay_on=pattern), chosen)
    assert DECAY > 0


def test_a_network_without_hidden_matrices_is_refused():
    config = tiny.config(optimiser="muon", model="mlp")
    with pytest.raises(ValueError, match="optimiser='muon' needs hidden matrices"):
        grid.resolve(config)
