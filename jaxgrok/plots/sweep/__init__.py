"""Draw the figures of a sweep from the dataset that `jaxgrok.load` returns.

Cells may lie along the axes of a product grid or along one `cell` dimension.

    save(phase_diagram(jaxgrok.load("runs/mine")), "phase_diagram.png")
"""

from jaxgrok.plots.sweep.circuit_measures import circuit_measures
from jaxgrok.plots.sweep.compare import compare
from jaxgrok.plots.sweep.components import components
from jaxgrok.plots.sweep.crossover import crossover
from jaxgrok.plots.sweep.curves import curves
from jaxgrok.plots.sweep.grok_steps import steps
from jaxgrok.plots.sweep.phase_diagram import phase_diagram
from jaxgrok.plots.sweep.spikes import spikes

__all__ = [
    "circuit_measures",
    "compare",
    "components",
    "crossover",
    "curves",
    "phase_diagram",
    "spikes",
    "steps",
]
