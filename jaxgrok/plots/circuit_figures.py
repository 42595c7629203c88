"""The figures of a circuit: what they are called, and what each needs of a network.

for name, figure in figures(network, circuit, measures, stages(measures)):
    save(figure, f"{name}.png")
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.circuits.network import Network
from jaxgrok.plots import circuit as draw
from jaxgrok.plots.registry import FigureTable, Need


@dataclass(frozen=True)
class CircuitReading:
    """What was read of one network.

    Attributes:
        network: its arrays.
        circuit: what the analysis made of them.
        measures: progress measures over its snapshots, or None.
        stages: first and last step of each stage of its training.
    """

    network: Network
    circuit: Circuit
    measures: Mapping[str, Any] | None = None
    stages: Mapping[str, Sequence[int] | None] = field(default_factory=dict)


ATTENTION = Need[CircuitReading](
    "attention", lambda reading: reading.network.pattern is not None
)
NEURONS = Need[CircuitReading](
    "neurons", lambda reading: reading.network.neurons is not None
)
W_L = Need[CircuitReading]("neurons", lambda reading: reading.network.W_L is not None)
TRAINING = Need[CircuitReading](
    "measures over training", lambda reading: reading.measures is not None
)

FIGURES = FigureTable[CircuitReading]("network")
"""All figures of a circuit, in the order in which they are drawn."""


def figures(
    network: Network,
    circuit: Circuit,
    measures: Mapping[str, Any] | None = None,
    stages: Mapping[str, Sequence[int] | None] | None = None,
    names: Sequence[str] | None = None,
) -> Iterator[tuple[str, Figure]]:
    """Draw the figures of a network one at a time, with their names.

    Args:
        network: its arrays.
        circuit: what the analysis made of them.
        measures: of `circuits.trajectory`; None without a training to draw.
        stages: first and last step of each stage of the training.
        names: of the figures; by default all that the network has everything for.

    Raises:
        ValueError: before the first is drawn, for a figure that there is not or that
            the network lacks something for.
    """
    return FIGURES.draw(CircuitReading(network, circuit, measures, stages or {}), names)


def _of_circuit(
    function: Callable[[Network, Circuit], Figure],
) -> Callable[[CircuitReading], Figure]:
    """Draw a reading by a function of (network, circuit)."""
    return lambda reading: function(reading.network, reading.circuit)


def _norms_over_training(reading: CircuitReading) -> Figure:
    return draw.embedding_norms_over_training(reading.circuit, reading.measures or {})


def _progress(reading: CircuitReading) -> Figure:
    return draw.progress(reading.circuit, reading.measures or {}, reading.stages)


FIGURES.register("embedding_norms", _of_circuit(draw.embedding_norms))
FIGURES.register("attention", _of_circuit(draw.attention), ATTENTION)
FIGURES.register("neuron_0", _of_circuit(draw.neuron), NEURONS)
FIGURES.register("neurons_2d", _of_circuit(draw.neurons_2d), NEURONS)
FIGURES.register("logits_2d", _of_circuit(draw.logits_2d))
FIGURES.register("W_L", _of_circuit(draw.W_L), W_L)
FIGURES.register("pca_and_circles", _of_circuit(draw.pca_and_circles))
FIGURES.register("embedding_norms_over_training", _norms_over_training, TRAINING)
FIGURES.register("progress", _progress, TRAINING)
OVER_TRAINING = ("embedding_norms_over_training", "progress")
"""Figures that need the measures over training."""
