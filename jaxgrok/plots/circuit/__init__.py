"""Portraits: the figures of a circuit, named as in the post.

`spectra` norms and components along the sines and cosines · `inputs` activations over
all pairs, the embedding's geometry · `training` progress measures and stages ·
`sweeps` circuits of many cells · `heads` of an induction circuit. They take arrays and
give Figures, use no pyplot, and write nothing.

    for name, figure in figures(network, circuit, measures, stages(measures)):
        save(figure, out / f"{name}.png")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from jaxgrok.plots.circuit.heads import heads
from jaxgrok.plots.circuit.inputs import attention, neuron, pca_and_circles
from jaxgrok.plots.circuit.seeds import phase_share, seeds
from jaxgrok.plots.circuit.spectra import (
    W_L,
    embedding_norms,
    embedding_norms_over_training,
    logits_2d,
    neurons_2d,
)
from jaxgrok.plots.circuit.trajectory import progress

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit
    from jaxgrok.circuits.network import Network

__all__ = [
    "PORTRAITS",
    "TRAINING",
    "W_L",
    "attention",
    "embedding_norms",
    "embedding_norms_over_training",
    "figures",
    "heads",
    "logits_2d",
    "neuron",
    "neurons_2d",
    "pca_and_circles",
    "phase_share",
    "progress",
    "seeds",
]

PORTRAITS: dict[str, Callable[[Network, Circuit], Figure]] = {
    "embedding_norms": embedding_norms,
    "attention": attention,
    "neuron_0": neuron,
    "neurons_2d": neurons_2d,
    "logits_2d": logits_2d,
    "W_L": W_L,
    "pca_and_circles": pca_and_circles,
}
"""Figures of one network: name → function of (network, circuit)."""

TRAINING: dict[str, Callable[..., Figure]] = {
    "embedding_norms_over_training": embedding_norms_over_training,
    "progress": progress,
}
"""Figures of a trajectory: name → function of (circuit, measures, stages)."""

_NEEDS = {
    "attention": "pattern",
    "neuron_0": "neurons",
    "neurons_2d": "neurons",
    "W_L": "W_L",
}
"""What of a network a figure shows, where not every one has it."""
_SHOWN = {"pattern": "attention", "neurons": "neurons", "W_L": "neurons"}


def figures(
    network: Network,
    circuit: Circuit,
    measures: Mapping[str, Any] | None = None,
    stages: Mapping[str, Sequence[int] | None] | None = None,
    names: Sequence[str] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """The figures of a network, one at a time, with their names; by default all it has.

    Without measures, those of the training are left out; without neurons (attention
    only), those of neurons; without attention (an MLP), those of attention. Raises
    ValueError for a figure that is asked for by a name the network has none for.
    """
    available = [
        name
        for name in PORTRAITS
        if name not in _NEEDS or getattr(network, _NEEDS[name]) is not None
    ]
    available += TRAINING if measures is not None else ()
    for name in names or ():
        if name not in available:
            lacks = _NEEDS.get(name)
            why = (
                "is unknown"
                if lacks is None
                else f"shows {_SHOWN[lacks]}, which this network has not"
            )
            raise ValueError(f"figure {name!r} {why}; there are {', '.join(available)}")
    for name in available if names is None else names:
        if name in PORTRAITS:
            yield name, PORTRAITS[name](network, circuit)
        else:
            yield name, TRAINING[name](circuit, measures, stages or {})
