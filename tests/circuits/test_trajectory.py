"""Trajectories against one circuit at a time; stages of made curves."""

import json

import numpy as np
import pytest

import planted
from jaxgrok.circuits import trajectory as progress
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.circuits.stages import observations, stages
from jaxgrok.circuits.trajectory import trajectory
from jaxgrok.fourier.basis import gini, transform_2d
from jaxgrok.fourier.key_frequencies import is_above
from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular

AMPLITUDES = {2: 20.0, 4: 30.0}


@pytest.mark.parametrize(
    ("task", "key"),
    [(Modular(modulus=11), (2, 4)), (Modular("x/y", 11), None)],
    ids=["fixed keys", "keys of each snapshot"],
)
def test_every_snapshot_is_measured_as_one_network_is(task, key, monkeypatch):
    # Two at a time, so that the last piece is filled up.
    monkeypatch.setattr(progress, "_piece", lambda task, params: 2)
    model = planted.model(task, AMPLITUDES)
    params, steps = planted.path_to(task, AMPLITUDES, 3), np.array([0, 5, 20])
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.5
    found = trajectory(task, model, steps, params, is_train, key)
    n = task.reading.order
    assert found["steps"].tolist() == [0, 5, 20]
    for snap in range(3):
        network = read(task, model, {k: v[snap] for k, v in params.items()}, is_train)
        own = np.flatnonzero(is_above(circuit(network).W_L_norms)) + 1
        chosen = own if key is None else key
        one = circuit(network, key_frequencies=chosen)
        assert (np.flatnonzero(found["key_frequencies"][snap]) + 1).tolist() == list(
            chosen
        )
        expected = {
            name: getattr(one, name)
            for name in (
                "train_loss",
                "test_loss",
                "all_loss",
                "excluded_loss_2d",
                "excluded_loss_2d_full",
                "excluded_loss_3d",
                "excluded_loss_3d_full",
                "cos_coefficients",
                "attention_to_equals",
                "W_E_norms",
                "W_L_norms",
            )
        }
        expected |= {f"trig_loss_{k}": v for k, v in one.trig_loss.items()}
        expected |= {f"gini_{k}": v for k, v in one.gini.items()}
        expected |= {f"sum_of_squares/{k}": v for k, v in one.sum_of_squares.items()}
        centred = network.neurons - network.neurons.mean((0, 1))
        norms = np.linalg.norm(transform_2d(centred), axis=2)
        expected["gini_neurons"] = gini(norms.ravel())
        assert expected.keys() == found.keys() - {"steps", "key_frequencies"}
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name][snap], value, rtol=1e-9, atol=1e-12, err_msg=name
            )
            assert found[name].dtype == np.float64
    assert found["cos_coefficients"].shape == (3, n // 2)
    # The test really distinguishes the snapshots.
    assert len(set(found["test_loss"].round(6))) == 3
    programs = progress._measures._cache_size()
    trajectory(task, model, steps, params, ~is_train, key)
    assert progress._measures._cache_size() == programs


def test_without_mlp_and_without_train_pairs():
    task = Modular(modulus=5)
    model = transformer.build(task, d_model=4, heads=1, d_head=2, attention_only=True)
    generator = np.random.default_rng(0)
    shapes = {
        "embed.W_E": (6, 4),
        "pos_embed.W_pos": (3, 4),
        **{f"blocks.0.attn.W_{m}": (1, 4, 2) for m in "QKV"},
        "blocks.0.attn.W_O": (1, 2, 4),
        "unembed.W_U": (4, 6),
    }
    params = {k: generator.normal(size=(2, *shape)) for k, shape in shapes.items()}
    found = trajectory(task, model, [0, 1], params)
    assert not {"W_L_norms", "gini_W_L", "gini_neurons"} & found.keys()
    for name in ("train_loss", "test_loss", "trig_loss_train", "excluded_loss_3d"):
        assert np.isnan(found[name]).all()
    for name in ("all_loss", "trig_loss_all", "cos_coefficients", "W_E_norms"):
        assert np.isfinite(found[name]).all()
    assert set(stages(found).values()) == {None}
    seen = observations(found)
    assert seen["norms_meet"] is None and seen["train_loss_drop"] is None
    json.dumps(seen, allow_nan=False)


def test_wrong_arguments_are_named():
    task = Modular(modulus=5)
    params = {"embed.W_E": np.zeros((3, 6, 4))}
    with pytest.raises(ValueError, match=r"2 steps and 3 snapshots of embed\.W_E"):
        trajectory(task, None, [0, 1], params)
    with pytest.raises(ValueError, match="0 steps"):
        trajectory(task, None, [], {"embed.W_E": np.zeros((0, 6, 4))})
    with pytest.raises(ValueError, match="from 1 to 2"):
        trajectory(task, None, [0, 1, 2], params, key_frequencies=[3])
    with pytest.raises(ValueError, match="no Fourier reading"):
        trajectory(Modular("x^2+y^2", 5), None, [0, 1, 2], params)
