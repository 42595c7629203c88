"""Snapshots too large for one program are measured one by one, to the same numbers."""

import numpy as np
import pytest

import planted
from jaxgrok.circuits import trajectory as progress
from jaxgrok.circuits.stages import stages
from jaxgrok.circuits.trajectory import trajectory
from jaxgrok.tasks.modular import Modular

AMPLITUDES = {2: 20.0, 4: 30.0}


@pytest.mark.parametrize("key", [(2, 4), None, ()], ids=["fixed", "own", "none"])
def test_a_large_network_is_measured_snapshot_by_snapshot(key, monkeypatch):
    task = Modular(modulus=11)
    model, params = (
        planted.model(task, AMPLITUDES),
        planted.path_to(task, AMPLITUDES, 3),
    )
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.5
    arguments = (task, model, [0, 5, 20], params, is_train, key)
    expected = trajectory(*arguments)
    monkeypatch.setattr(progress, "MOST", 0)
    found = trajectory(*arguments)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name], value, rtol=1e-8, atol=1e-11, err_msg=name
        )
    known = key != ()
    assert np.isfinite(found["trig_loss_all"]).all() == known
    assert np.isfinite(found["excluded_loss_2d_full"]).all() == known
    if not known:
        assert set(stages(found)) and stages(found)["clean_up"] is None
