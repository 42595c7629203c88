"""What the figures of a network show, as arrays beside them: for the page of the run.

>>> write(report, Path("circuits/seed=0"))      # circuits/seed=0/figures.npz
"""

from typing import TYPE_CHECKING

import numpy as np

from jaxgrok.host.files.packed_files import write_packed
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots.circuit.inputs import input_name
from jaxgrok.report.circuits import LOSSES

if TYPE_CHECKING:
    from jaxgrok.analyse.circuits import Report

FILE = "figures.npz"
MOST_NEURONS = 8
"""Neurons of which there is a map: of each key frequency the clearest one first."""


def write(report: "Report", folder: AnyPath) -> None:
    """Write figures.npz into a folder, float16 but for the curves.

    Its arrays: `W_E_norms` [n]; `attention` [heads, x, y], from `=` to x; `neurons`
    [neurons, x, y]; `circles` [keys, n, 2]; over training `steps` [snaps],
    `W_E_norms_over_training` [snaps, n] and the LOSSES [snaps].
    """
    circuit, network, neurons = report.circuit, report.network, _clear_neurons(report)
    arrays = {"W_E_norms": circuit.W_E_norms}
    head = {
        "keys": list(circuit.circles),
        "neurons": neurons,
        "inputs": [input_name(network, name) for name in ("x", "y")],
    }
    if network.pattern is not None:
        # Position 0 holds x.
        arrays["attention"] = np.moveaxis(network.pattern[..., 0], -1, 0)
    if network.neurons is not None:
        arrays["neurons"] = np.moveaxis(network.neurons[..., neurons], -1, 0)
    if circuit.circles:
        arrays["circles"] = np.stack(list(circuit.circles.values()))
    arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
    if report.measures is not None:
        measures = report.measures
        arrays["steps"] = measures["steps"]
        arrays["W_E_norms_over_training"] = measures["W_E_norms"].astype(np.float16)
        for name in LOSSES:
            if name in measures:
                arrays[name] = measures[name].astype(np.float32)
    write_packed(folder / FILE, head, arrays, compress=True)


def _clear_neurons(report: "Report") -> list[int]:
    """Return the neurons to show: the best explained one of each key frequency."""
    circuit = report.circuit
    if report.network.neurons is None:
        return []
    best = np.argsort(-circuit.neuron_explained, kind="stable").tolist()
    neurons: list[int] = []
    for key in circuit.key_frequencies:
        own = [i for i in best if circuit.neuron_frequency[i] == key]
        neurons += own[:1]
    others = [i for i in best if i not in neurons]
    return (neurons + others)[:MOST_NEURONS]
