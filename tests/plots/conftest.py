"""A network with random weights, read once for all tests of its figures."""

import jax
import numpy as np
import pytest

from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.circuits.trajectory import trajectory
from jaxgrok.grid import setups
from tiny import config


@pytest.fixture(scope="session")
def as_read():
    """A network of x*y mod 7 with random weights, and measures of two snapshots."""
    task, model = setups.build(config(operation="x*y", model="transformer").to_dict())
    like = jax.eval_shape(model.init, jax.random.key(0), task.pool()[0][:1])["params"]
    generator = np.random.default_rng(0)
    params = {name: generator.normal(size=like[name].shape) for name in like}
    is_train = np.arange(task.pool_size) % 2 == 0
    snaps = {name: np.stack([value, value]) for name, value in params.items()}
    network = read(task, model, params, is_train)
    measures = trajectory(task, model, [0, 10], snaps, is_train, (1, 3))
    return network, circuit(network, key_frequencies=(1, 3)), measures
