"""Progress measures of snapshots too large for one compiled program.

Each is read like a single network, whose analysis works in blocks of pairs.

>>> one_by_one(task, model, params, is_train, (14, 35))
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen as nn
from numpy.typing import ArrayLike

from jaxgrok.circuits.circuit import Circuit, circuit
from jaxgrok.circuits.network import read
from jaxgrok.fourier.basis import gini
from jaxgrok.fourier.group_order import ReadableTask, embedding
from jaxgrok.fourier.key_frequencies import frequency_mask


def one_by_one(
    task: ReadableTask,
    model: nn.Module,
    params: Mapping[str, ArrayLike],
    is_train: np.ndarray | None,
    key_frequencies: Sequence[int] | None,
) -> dict[str, np.ndarray]:
    """Measure every snapshot; arguments and result are `trajectory`'s."""
    rows = []
    arrays = {name: np.asarray(value) for name, value in params.items()}
    for snap in range(len(embedding(arrays))):
        one = {name: array[snap] for name, array in arrays.items()}
        result = circuit(
            read(task, model, one, is_train),
            key_rule="W_L",
            key_frequencies=key_frequencies,
        )
        rows.append(_of_circuit(result))
    measures = {}
    for name in rows[0]:
        measures[name] = np.stack([row[name] for row in rows])
    return measures


def _of_circuit(result: Circuit) -> dict[str, Any]:
    """Return the measures of one snapshot from its circuit."""
    measures = {name: getattr(result, name) for name in _PLAIN}
    measures["key_frequencies"] = frequency_mask(result.key_frequencies, result.order)
    measures |= {f"trig_loss_{k}": loss for k, loss in result.trig_loss.items()}
    squares = result.sum_of_squares
    measures |= {f"sum_of_squares/{name}": value for name, value in squares.items()}
    measures["gini_W_E"] = result.gini["W_E"]
    if result.attention_to_equals is not None:
        measures["attention_to_equals"] = result.attention_to_equals
    if result.W_L_norms is not None and result.neurons_2d is not None:
        measures["W_L_norms"] = result.W_L_norms
        measures["gini_W_L"] = result.gini["W_L"]
        measures["gini_neurons"] = float(gini(result.neurons_2d.ravel()))
    return measures


_PLAIN = (
    "train_loss",
    "test_loss",
    "all_loss",
    "excluded_loss_2d",
    "excluded_loss_2d_full",
    "excluded_loss_3d",
    "excluded_loss_3d_full",
    "cos_coefficients",
    "W_E_norms",
)
"""Fields of `Circuit` that are measures under their own names."""
