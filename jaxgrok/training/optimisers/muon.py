"""Muon on the hidden matrices, AdamW on all other parameters.

The hidden matrices are W_Q, W_K and W_V, one matrix a head; W_O, which maps all heads
to the residual stream, one matrix; W_in and W_out of the layers. Embeddings, positions,
unembedding, biases and layer norms take AdamW's step.

Source: Muon (Jordan et al. 2024), in optax's form, which corrects the momentum for its
start; the scale "rms" is that of "Muon is Scalable for LLM Training" (Liu et al. 2025).

>>> muon(setup, lane, rate, mask=None).init(params)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers, scale_by_muon

from jaxgrok.fields.field import Field
from jaxgrok.models import parameter_names
from jaxgrok.training.method import Method
from jaxgrok.training.optimisers.first_order import adamw
from jaxgrok.training.optimisers.patterns import fitting
from jaxgrok.training.optimisers.rule import Mask, Rule, Transformation

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup

HIDDEN = "blocks.*.W_*"
"""Patterns of the hidden matrices: neither embedding nor unembedding."""
RMS = 0.2
"""Root mean square of an update of the scale "rms", about that of AdamW's."""


def muon(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build Muon for the hidden matrices and AdamW for the others.

    `optax.contrib.muon` is put together anew from its parts: the whole gives the other
    parameters Nesterov's AdamW, has no mask for their decay, and takes a parameter of
    three axes for no matrix.
    """
    own_rate = rate * lane.own["muon_rate"].astype(setup.dtype)
    matrices = optax.chain(
        scale_by_muon(
            beta=lane.own["muon_beta"].astype(setup.dtype),
            ns_steps=setup.own["muon_iterations"],
            eps=setup.eps,
            weight_dimension_numbers=_axes,
        ),
        optax.stateless(functools.partial(_scaled, setup.own["muon_scale"])),
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.scale_by_learning_rate(own_rate),
    )
    others = adamw(setup, lane, rate, mask)
    return optax.partition({True: matrices, False: others}, hidden)


def _scaled(scale: str, updates: Any, params: Any) -> Any:
    """Scale each orthogonal matrix by its shape."""

    def one(update: jax.Array, axes: MuonDimensionNumbers) -> jax.Array:
        axes_in, axes_out = np.atleast_1d(axes.reduction_axis, axes.output_axis)
        rows = math.prod(update.shape[axis] for axis in axes_in)
        columns = math.prod(update.shape[axis] for axis in axes_out)
        if scale == "rms":
            return RMS * math.sqrt(max(rows, columns)) * update
        return math.sqrt(max(1, columns / rows)) * update

    return jax.tree.map(one, updates, _axes(updates))


def hidden(params: Mapping[str, Any]) -> dict[str, bool]:
    """Tell of each parameter whether it is a hidden matrix.

    Raises:
        ValueError: none is, as in an MLP, whose matrices embed and unembed.
    """
    try:
        return fitting("optimiser='muon'", HIDDEN, params)
    except ValueError:
        raise ValueError(
            "optimiser='muon' needs hidden matrices, those of a transformer's layers; "
            "take model='transformer' or another optimiser"
        ) from None


def _refuse(setup: Setup) -> None:
    """Refuse a network without hidden matrices."""
    hidden(dict.fromkeys(parameter_names(setup.model, setup.task)))


def _axes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return which axes of each hidden matrix are its rows and its columns.

    Parameters of the others stand as `optax.MaskedNode`, and stay so.
    """
    axes: dict[str, Any] = {}
    for name, weights in params.items():
        if isinstance(weights, optax.MaskedNode):
            axes[name] = weights
        elif name.endswith("attn.W_O"):
            # [heads, head, model]: all heads write into one residual stream.
            axes[name] = MuonDimensionNumbers((0, 1), 2)
        else:
            # Leading axes, such as that of the heads, number matrices of their own.
            axes[name] = MuonDimensionNumbers(-2, -1)
    return axes


MUON: Method[Rule] = Method(
    muon,
    refuse=_refuse,
    fields=(
        Field(
            "muon_rate",
            1.0,
            low=0,
            help="rate of the hidden matrices over learning_rate",
        ),
        Field("muon_beta", 0.95, low=0, below=1, help="decay of Muon's momentum"),
    ),
    static=(
        Field(
            "muon_scale",
            "rms",
            choices=("rms", "shape"),
            help="size of a hidden matrix's update: rms, AdamW's, so that rate and "
            "decay are too; shape, √max(1, columns/rows), as first published",
        ),
        Field(
            "muon_iterations",
            5,
            low=1,
            high=20,
            help="Newton-Schulz iterations that make the momentum orthogonal",
        ),
    ),
)
