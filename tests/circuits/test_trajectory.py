"""Trajectories against one circuit at a time; stages of made curves."""

import json

import numpy as np
import pytest

import planted
from jaxgrok.circuits import trajectory as progress
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.circuits.trajectory import observations, stages, trajectory
from jaxgrok.fourier import key_frequencies as keys
from jaxgrok.fourier.basis import gini, transform_2d
from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular

AMPLITUDES = {2: 20.0, 4: 30.0}


def path_to(task, snaps):
    """Snapshots on the straight line from random to planted weights."""
    generator = np.random.default_rng(0)
    end = planted.weights(task, AMPLITUDES)
    shares = np.linspace(0.1, 1, snaps)
    return {
        name: np.stack(
            [
                share * value + (1 - share) * 0.3 * generator.normal(size=value.shape)
                for share in shares
            ]
        )
        for name, value in end.items()
    }


@pytest.mark.parametrize(
    ("task", "key"),
    [(Modular(modulus=11), (2, 4)), (Modular("x/y", 11), None)],
    ids=["fixed keys", "keys of each snapshot"],
)
def test_every_snapshot_is_measured_as_one_network_is(task, key, monkeypatch):
    # Two at a time, so that the last piece is filled up.
    monkeypatch.setattr(progress, "_piece", lambda task, params: 2)
    model = planted.model(task, AMPLITUDES)
    params, steps = path_to(task, 3), np.array([0, 5, 20])
    is_train = np.random.default_rng(1).random(task.pool_size) < 0.5
    found = trajectory(task, model, steps, params, is_train, key)
    n = task.reading.order
    assert found["steps"].tolist() == [0, 5, 20]
    for snap in range(3):
        network = read(task, model, {k: v[snap] for k, v in params.items()}, is_train)
        own = np.flatnonzero(keys.is_above(circuit(network).W_L_norms)) + 1
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


def ramp(*points):
    """A curve whose log10 is linear between (snapshot, log10) points."""
    at, levels = zip(*points, strict=True)
    return 10 ** np.interp(np.arange(at[-1] + 1), at, levels)


def curves(**changed):
    """A grok over 101 snapshots, 10 steps apart, with corners at known places."""
    made = {
        "steps": 10 * np.arange(101),
        "train_loss": ramp((0, 0), (10, -4), (60, -4), (70, -7), (100, -7)),
        "test_loss": ramp((0, 0.5), (10, 1), (50, 1), (75, -7), (100, -7)),
        "excluded_loss_2d_full": ramp((0, 0.6), (10, -0.5), (60, 1), (100, 0.9)),
        "trig_loss_all": ramp((0, 0), (30, 0), (55, -8), (100, -8)),
        "W_E_norms": np.ones((101, 113)),
        "cos_coefficients": np.ones((101, 56)),
        "attention_to_equals": np.full((101, 2), 0.3),
    }
    return made | changed


def test_stages_of_a_grok():
    assert stages(curves()) == {
        "memorisation": [0, 100],
        "interpolation": [100, 530],
        "generalisation": [330, 530],
        "clean_up": [530, 730],
        "stability": [730, 1000],
    }


def test_a_late_spike_does_not_end_the_fall():
    test_loss = curves()["test_loss"]
    test_loss[98:] = [1e-2, 1e-7, 1e-3]
    assert stages(curves(test_loss=test_loss))["clean_up"] == [530, 730]


def test_the_excluded_loss_is_searched_before_the_clean_up_ends():
    excluded = curves()["excluded_loss_2d_full"]
    excluded[90:] = 1e-3
    found = stages(curves(excluded_loss_2d_full=excluded))
    assert found["memorisation"] == [0, 100]


def test_stages_where_the_network_never_generalised():
    found = stages(curves(test_loss=ramp((0, 0.5), (100, 1.5))))
    # 90% of the fall from 1 to 1e-7 is 10^-6.3: 23/30 of the way from 60 to 70.
    assert found.pop("memorisation") == [0, 680]
    assert set(found.values()) == {None}
    barely = ramp((0, 0.5), (50, 0.5), (100, -0.3))  # ends at 0.5 > 0.1 log 113
    assert stages(curves(test_loss=barely))["clean_up"] is None


def test_no_interpolation_where_test_falls_with_train():
    found = stages(
        curves(
            test_loss=ramp((0, 0.5), (10, -7), (100, -7)),
            excluded_loss_2d_full=ramp((0, 0.6), (9, -1), (100, 1)),
        )
    )
    assert found["clean_up"] == [10, 100 - 10]
    assert found["memorisation"] == [0, 90]
    assert found["interpolation"] is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_stages_of_a_diverged_training(value):
    train_loss = curves()["train_loss"]
    train_loss[50:] = value
    assert set(stages(curves(train_loss=train_loss)).values()) == {None}


def test_norms_that_meet():
    mlp, rest = np.linspace(500, 100, 101), np.full(101, 100.0)
    others = ("embed.W_E", "unembed.W_U", "blocks.0.attn.W_V", "blocks.0.attn.W_O")
    found = observations(
        curves(
            **{f"sum_of_squares/{name}": rest for name in others},
            **{
                f"sum_of_squares/blocks.0.mlp.{name}": mlp + change
                for name, change in (("W_in", 1), ("W_out", -1))
            },
            **{"sum_of_squares/blocks.0.attn.W_Q": np.full(101, 1e9)},
            **{"sum_of_squares/blocks.0.mlp.b_in": np.full(101, 1e9)},
        )
    )
    # 500 - 4 i ≤ 125 from i = 93.75 on.
    assert found["norms_meet"] == pytest.approx(
        {"start_ratio": 5, "end_ratio": 1, "step": 940}
    )


def test_the_train_loss_drops_again():
    found = observations(curves())["train_loss_drop"]
    assert found == pytest.approx({"before": 1e-4, "after": 1e-7, "ratio": 1000})


def test_competition_names_the_frequencies_that_lost():
    values = np.zeros((101, 56))
    values[:, 13] = np.linspace(0, 100, 101)
    values[:, 40] = -np.interp(np.arange(101), [0, 60, 100], [0, 80, 20])
    values[:, 51] = np.interp(np.arange(101), [0, 60, 100], [0, 80, 60])
    values[:, 5] = np.interp(np.arange(101), [0, 60, 100], [0, 9, 0])
    found = observations(curves(cos_coefficients=values))["competition"]
    assert found == {"41": {"peak_step": 600, "peak": 80.0, "end": 20.0}}


def test_attention_to_equals_that_comes_back():
    attention = np.stack(
        [
            np.interp(
                np.arange(101), [0, 20, 60, 80, 100], [0.33, 0.01, 0.01, 0.2, 0.1]
            ),
            np.linspace(0.33, 0.02, 101),
        ],
        axis=1,
    )
    found = observations(curves(attention_to_equals=attention))["attention_to_equals"]
    assert found["start"] == [0.33, 0.33]
    assert found["lowest_step"] == [200, 1000]
    assert found["largest_after"] == pytest.approx([0.2, 0.02])
    assert found["largest_after_step"] == [800, 1000]
    assert found["end"] == pytest.approx([0.1, 0.02])
    json.dumps(observations(curves()), allow_nan=False)
