"""Work in blocks: an axis is covered once, and results are those of one piece."""

import numpy as np
import pytest

import planted
from jaxgrok.circuits import blocks
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.tasks.modular import Modular


@pytest.mark.parametrize(("nbytes", "count"), [(2**28, 7), (2**27, 4), (1, 1)])
def test_blocks_cover_an_axis_once(nbytes, count):
    pieces = [np.arange(7)[block] for block in blocks.blocks(7, nbytes)]
    assert np.concatenate(pieces).tolist() == list(range(7))
    assert len(pieces) == count


@pytest.mark.parametrize("task", [Modular("x-y", 11), Modular("x*y", 11)], ids=str)
def test_a_circuit_read_in_blocks_is_that_of_one_piece(task, monkeypatch):
    amplitudes = {2: 9.0, 5: 6.0}
    model, params = planted.model(task, amplitudes), planted.weights(task, amplitudes)
    generator = np.random.default_rng(0)
    params = {k: v + 0.1 * generator.normal(size=v.shape) for k, v in params.items()}
    split = planted.split_of(task)
    whole = circuit(read(task, model, params, split)).as_dict()
    # The smallest blocks that there are: one pair, one answer, one neuron.
    monkeypatch.setattr(blocks, "MEMORY", 1)
    pieces = circuit(read(task, model, params, split)).as_dict()
    assert pieces.keys() == whole.keys()
    for name, value in whole.items():
        if name in ("verdict", "stages"):
            assert pieces[name] == value
            continue
        _compare(pieces[name], value, name)


def _compare(value, expected, name):
    if isinstance(expected, dict):
        assert value.keys() == expected.keys()
        for key in expected:
            _compare(value[key], expected[key], f"{name}/{key}")
    elif isinstance(expected, float) or (isinstance(expected, list) and expected):
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-11, err_msg=name)
    else:
        assert value == expected, name
