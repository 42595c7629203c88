"""Networks that add in a cyclic group by construction, from chosen frequencies.

`weights` plants the post's circuit into the weights of a one-layer transformer: W_E
holds circles, head 0 copies x and head 1 copies y to `=`, each frequency has a ring of
neurons with evenly spaced phases, and W_U reads cos w_k(a ± b - c) off it. `arrays`
plants logits and neurons that are exact sums of cosines.
"""

import dataclasses

import numpy as np

from jaxgrok.circuits.assumptions import Assumptions
from jaxgrok.circuits.network import Network
from jaxgrok.models import transformer

RING = 24
"""Neurons of a frequency."""
IDLE = ("constant", "dead")
"""Two neurons more, which no frequency moves."""
CIRCUIT_KEYS = {
    "key_frequencies",
    "key_rule",
    "clusters",
    "train_loss",
    "test_loss",
    "all_loss",
    "trig_loss",
    "excluded_loss_2d",
    "excluded_loss_3d",
    "cos_coefficients",
    "logit_variance_explained",
    "cos_approximation_loss",
    "gini",
    "sum_of_squares",
    "stages",
}
"""What scripts rely on in circuit.json."""


def model(task, amplitudes):
    """The transformer that `weights` fits into."""
    k = len(amplitudes)
    return transformer.build(
        task,
        d_model=4 * k + 3,
        heads=2,
        d_head=2 * k,
        d_mlp=RING * k + len(IDLE),
        dtype="float64",
    )


def weights(task, amplitudes):
    """Parameters with logits Σ_k amplitude · |cos(w_k d / 2)| · cos w_k(a ± b - c).

    amplitudes: {k: amplitude}; d is a ∓ b. A ring of RING phases makes this exact up to
    the next harmonic of a rectified cosine, RING - 2: by less than 1%.
    """
    n, elements, sign = task.reading
    k = len(amplitudes)
    circle = slice(0, 2 * k)
    position = 2 * k + np.arange(3)
    out = slice(2 * k + 3, 4 * k + 3)
    shapes = {
        "embed.W_E": (task.vocab_in, 4 * k + 3),
        "pos_embed.W_pos": (3, 4 * k + 3),
        **{f"blocks.0.attn.W_{m}": (2, 4 * k + 3, 2 * k) for m in "QKV"},
        "blocks.0.attn.W_O": (2, 2 * k, 4 * k + 3),
        "blocks.0.mlp.W_in": (4 * k + 3, RING * k + len(IDLE)),
        "blocks.0.mlp.b_in": (RING * k + len(IDLE),),
        "blocks.0.mlp.W_out": (RING * k + len(IDLE), 4 * k + 3),
        "blocks.0.mlp.b_out": (4 * k + 3,),
        "unembed.W_U": (4 * k + 3, task.vocab_out),
    }
    params = {name: np.zeros(shape) for name, shape in shapes.items()}
    rows = list(elements)
    params["embed.W_E"][rows, circle] = np.concatenate(_circles(n, amplitudes), 1)
    params["pos_embed.W_pos"][np.arange(3), position] = 1
    # A score of 100 for the head's own position, and 0 for the others.
    for head in range(2):
        params["blocks.0.attn.W_Q"][head, position[2], 0] = 100 * np.sqrt(2 * k)
        params["blocks.0.attn.W_K"][head, position[head], 0] = 1
        params["blocks.0.attn.W_V"][head, circle] = np.eye(2 * k)
    params["blocks.0.attn.W_O"][0, :, circle] = np.eye(2 * k)
    params["blocks.0.attn.W_O"][1, :, circle] = np.diag([1, sign] * k)
    for i, (amplitude, turned) in enumerate(
        zip(amplitudes.values(), _circles(n, amplitudes), strict=True)
    ):
        ring = slice(RING * i, RING * (i + 1))
        phases = 2 * np.pi * np.arange(RING) / RING
        params["blocks.0.mlp.W_in"][2 * i : 2 * i + 2, ring] = _unit(phases)
        here = slice(out.start + 2 * i, out.start + 2 * i + 2)
        # ReLU(cos) has 2/(3π) of its second harmonic; the two circles add up to 2.
        gain = 3 * np.pi / (2 * RING)
        params["blocks.0.mlp.W_out"][ring, here] = gain * _unit(2 * phases).T
        params["unembed.W_U"][here][:, rows] += amplitude * turned.T
    params["blocks.0.mlp.b_in"][-2:] = 1, -1
    return params


def arrays(n, amplitudes, *, sign=1, noise=0.0, seed=0):
    """A Network whose logits are Σ_k amplitude · cos w_k(a ± b - c), plus noise.

    Two neurons a frequency: 1 + cos w_k a, and cos w_k a cos w_k b.
    """
    generator = np.random.default_rng(seed)
    a, b, c = np.ogrid[:n, :n, :n]
    w = {k: 2 * np.pi * k / n for k in amplitudes}
    logits = noise * generator.normal(size=(n, n, n))
    for k, amplitude in amplitudes.items():
        logits = logits + amplitude * np.cos(w[k] * (a + sign * b - c))
    cosines = [np.cos(w[k] * np.arange(n)) for k in amplitudes]
    neurons = [1 + x[:, None] + 0 * x for x in cosines]
    neurons += [np.outer(x, x) for x in cosines]
    labels = (a + sign * b)[:, :, 0] % n
    is_train = generator.random((n, n)) < 0.5
    over = logits - np.take_along_axis(logits, labels[..., None], 2)
    return Network(
        params={"embed.W_E": np.concatenate(_circles(n, amplitudes), 1)},
        W_E=np.concatenate(_circles(n, amplitudes), 1),
        logits=logits,
        labels=labels,
        is_train=is_train,
        neurons=np.stack(neurons, 2),
        pattern=None,
        W_L=np.stack([*cosines, *cosines]),
        sign=sign,
        elements=tuple(range(n)),
        pool_loss=np.logaddexp.reduce(over, axis=2).ravel(),
        pool_is_right=(logits.argmax(2) == labels).ravel(),
        pool_is_train=is_train.ravel(),
        classes=n,
        assumed=Assumptions(operation="x+y" if sign == 1 else "x-y", modulus=n),
    )


def _circles(n, frequencies):
    """Cosine and sine of each frequency: [n, 2] each."""
    return [_unit(2 * np.pi * k * np.arange(n) / n).T for k in frequencies]


def _unit(angles):
    return np.stack([np.cos(angles), np.sin(angles)])


def split_of(task, share=0.5, seed=0):
    return np.random.default_rng(seed).random(task.pool_size) < share


def noisy(n, sign):
    """A network with noise in everything, so that no two measures agree by chance."""
    network = arrays(n, {1: 2.0, n // 2: 1.0}, sign=sign, noise=1.0, seed=n)
    noise = np.random.default_rng(1).normal(size=network.neurons.shape)
    return dataclasses.replace(network, neurons=network.neurons + noise)


def path_to(task, amplitudes, snaps):
    """Snapshots on the straight line from random to planted weights."""
    generator = np.random.default_rng(0)
    end = weights(task, amplitudes)
    shares = np.linspace(0.1, 1, snaps)
    return {
        name: np.stack(
            [
                share * value + (1 - share) * 0.3 * generator.normal(size=value.shape)
                for share in shares
            ]
        )
        for name, value in end.items()
    }
