"""Draw the figures of circuits, named as in the post, from arrays.

save(neuron(network, circuit, 0), "neuron_0.png")
"""

from jaxgrok.plots.circuit.heads import heads
from jaxgrok.plots.circuit.inputs import attention, neuron, pca_and_circles
from jaxgrok.plots.circuit.seeds import seeds
from jaxgrok.plots.circuit.spectra import (
    W_L,
    embedding_norms,
    embedding_norms_over_training,
    logits_2d,
    neurons_2d,
)
from jaxgrok.plots.circuit.trajectory import progress

__all__ = [
    "W_L",
    "attention",
    "embedding_norms",
    "embedding_norms_over_training",
    "heads",
    "logits_2d",
    "neuron",
    "neurons_2d",
    "pca_and_circles",
    "progress",
    "seeds",
]
