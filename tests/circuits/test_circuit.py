"""Circuits: planted truth comes back, rules choose the keys, null is null."""

import dataclasses
import json
import math

import numpy as np
import pytest

import networks
import planted
from jaxgrok.circuits import circuit as circuits
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.fourier import logit_projections
from jaxgrok.fourier.key_frequencies import KEY_RULES
from jaxgrok.tasks.modular import Modular


@pytest.mark.parametrize(
    ("n", "amplitudes", "sign"),
    [
        (13, {2: 30.0, 5: 20.0}, 1),
        (13, {1: 30.0, 6: 20.0}, -1),
        (12, {5: 30.0, 6: 20.0}, 1),
    ],
    ids=["odd", "x-y", "even with n/2"],
)
def test_planted_arrays_give_back_what_was_planted(n, amplitudes, sign):
    found = circuit(planted.arrays(n, amplitudes, sign=sign))
    assert found.key_frequencies == tuple(amplitudes)
    assert found.rule_frequencies == found.W_E_frequencies == tuple(amplitudes)
    assert found.has_circuit and found.sparse
    names = ", ".join(map(str, amplitudes))
    assert found.verdict.startswith("sparse circuit: ")
    assert found.verdict.endswith(f"frequencies {names}")
    assert found.answer_share == pytest.approx(1)
    assert found.all_accuracy == found.train_accuracy == found.test_accuracy == 1
    assert found.solves_task
    expected = np.zeros(n // 2)
    for k, amplitude in amplitudes.items():
        expected[k - 1] = amplitude * math.sqrt(n**3 / (1 if 2 * k == n else 2))
    np.testing.assert_allclose(found.cos_coefficients, expected, atol=1e-9)
    assert found.logit_variance_explained["overall"] == pytest.approx(1)
    count = len(amplitudes)
    assert found.clusters == {k: (i, count + i) for i, k in enumerate(amplitudes)}
    np.testing.assert_allclose(found.neuron_explained, 1)
    np.testing.assert_allclose(
        found.neuron_explained_linear, [1] * count + [0] * count, atol=1e-12
    )
    assert found.neuron_share == 1
    assert found.ablation["all"] == pytest.approx(found.ablation["before"])
    assert found.trig_loss["train"] == pytest.approx(found.train_loss)
    assert found.trig_loss["test"] == pytest.approx(found.test_loss)
    assert found.cos_approximation_loss == pytest.approx(found.all_loss)
    # Without its frequencies nothing is left, and the loss is that of a guess.
    assert found.excluded_loss_2d_full == pytest.approx(math.log(n))
    assert found.excluded_loss_3d_full == pytest.approx(math.log(n))
    others = [k for k in range(1, n // 2 + 1) if k not in amplitudes]
    np.testing.assert_allclose(
        found.excluded_loss_2d[np.array(others) - 1], found.train_loss, rtol=1e-6
    )
    removed = found.excluded_loss_2d[np.array(list(amplitudes)) - 1]
    assert (removed > 1000 * found.train_loss).all()
    for k, members in found.clusters.items():
        silent = np.ones(n, bool)
        silent[2 * k - 1] = False  # W_L of the cluster is its cosine
        assert (found.W_L_clusters[k][silent] < 1e-12).all()
        assert len(members) == 2


@pytest.mark.parametrize(
    ("operation", "modulus", "seed"),
    [("x+y", 23, 0), ("x+y", 22, 1), ("x-y", 23, 2), ("x*y", 23, 3), ("x/y", 23, 4)],
)
def test_planted_weights_give_back_what_was_planted(operation, modulus, seed):
    task = Modular(operation, modulus)
    amplitudes = {2: 40.0, 5: 60.0, 9: 50.0}
    network = read(
        task,
        planted.model(task, amplitudes),
        planted.weights(task, amplitudes),
        planted.split_of(task, seed=seed),
    )
    n, sign = network.order, network.sign
    a, b, c = np.ogrid[:n, :n, :n]
    expected = sum(
        amplitude
        * np.abs(np.cos(np.pi * k * (a - sign * b) / n))
        * np.cos(2 * np.pi * k * (a + sign * b - c) / n)
        for k, amplitude in amplitudes.items()
    )
    np.testing.assert_allclose(network.logits, expected, atol=0.02 * 150)
    assert (network.logits.argmax(2) == network.labels).mean() > 0.99

    found = circuit(network)
    assert found.key_frequencies == (2, 5, 9)
    ring = planted.RING
    assert found.clusters == {
        k: tuple(range(i * ring, (i + 1) * ring)) for i, k in enumerate(amplitudes)
    }
    constant, dead = 3 * ring, 3 * ring + 1
    assert found.always_firing == (constant,)
    assert found.neuron_frequency[[constant, dead]].tolist() == [0, 0]
    assert found.neuron_share == pytest.approx(72 / 74)
    d = np.arange(n)
    for k, amplitude in amplitudes.items():
        mean = np.abs(np.cos(np.pi * k * d / n)).mean()
        coefficient = amplitude * mean * math.sqrt(n**3 / 2)
        assert found.cos_coefficients[k - 1] == pytest.approx(coefficient, rel=0.01)
    others = np.delete(found.cos_coefficients, [1, 4, 8])
    assert np.abs(others).max() < 1e-9
    in_group = logit_projections.cross_entropy(network.logits, network.labels).mean()
    assert found.trig_loss["all"] <= in_group < 0.1
    assert found.ablation["before"] == pytest.approx(in_group)
    for name in ("excluded_loss_2d_full", "excluded_loss_3d_full"):
        assert getattr(found, name) > 5
    np.testing.assert_allclose(found.attention_to_equals, 0, atol=1e-12)
    # Circles of radius 1, traversed k times.
    for k, circle in found.circles.items():
        angle = 2 * np.pi * k * d / n
        np.testing.assert_allclose(
            circle, np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-12
        )
    np.testing.assert_allclose(found.pca_shares, 1 / 6)
    np.testing.assert_allclose((found.pca**2).sum(0), n / 2)


@pytest.mark.parametrize(
    "task", [Modular(modulus=23), Modular(modulus=22), Modular("x*y", 23)], ids=str
)
def test_random_weights_have_no_circuit(task):
    network = networks.random_network(task, planted.split_of(task))
    found = circuit(network)
    assert not found.has_circuit and not found.sparse and not found.solves_task
    assert found.answer_share < 0.05 and found.key_frequencies == ()
    assert found.verdict.startswith("no circuit: ")
    assert found.clusters == {} and found.circles == {}
    # Without key frequencies, what they would explain is unknown, not zero.
    written = found.as_dict()
    assert set(written["trig_loss"].values()) == {None}
    assert set(written["logit_variance_explained"].values()) == {None}
    for name in ("cos_approximation_loss", "W_E_share", "W_L_share", "W_L_residual"):
        assert written[name] is None
    for name in ("excluded_loss_2d", "excluded_loss_3d"):
        assert written[name]["full"] is None
        assert None not in written[name]["by_frequency"].values()
    json.dumps(written, allow_nan=False)


def test_a_rule_or_frequencies_that_are_named_are_honoured_without_a_circuit():
    task = Modular(modulus=23)
    network = networks.random_network(task, planted.split_of(task))
    for rule in ("W_L", "W_E", "neurons", "logits"):
        found = circuit(network, key_rule=rule)
        assert found.key_frequencies == found.rule_frequencies != ()
        assert not found.has_circuit and math.isfinite(found.trig_loss["all"])
    found = circuit(network, key_frequencies=[3, 7])
    assert found.key_frequencies == (3, 7)
    assert math.isfinite(found.excluded_loss_2d_full) and not found.has_circuit


def test_a_circuit_of_every_frequency_is_a_circuit_but_not_sparse():
    found = circuit(planted.arrays(11, dict.fromkeys(range(1, 6), 4.0)))
    assert found.has_circuit and not found.sparse and found.solves_task
    assert found.verdict.startswith("circuit, not sparse: ")
    assert found.verdict.endswith("spread over 5 of 5 frequencies")
    assert found.key_frequencies == (1, 2, 3, 4, 5)


def test_a_network_read_as_another_operation_does_not_solve_it():
    task, amplitudes = Modular("x-y", 11), {2: 40.0, 5: 60.0}
    model, params = planted.model(task, amplitudes), planted.weights(task, amplitudes)
    right = circuit(read(task, model, params))
    wrong = circuit(read(Modular("x+y", 11), model, params))
    assert right.solves_task and not wrong.solves_task
    assert right.all_accuracy == 1 and wrong.all_accuracy < 0.5
    assert right.as_dict()["assumed"]["operation"] == "x-y"
    assert wrong.as_dict()["assumed"] == {
        "operation": "x+y",
        "modulus": 11,
        "outputs": 12,
        "activation": "relu",
        "layer_norm": False,
    }
    assert not wrong.has_circuit


def test_the_rules_differ():
    # W_E carries 1, 2 and 3; the neurons 2, 3 and (below 0.85) 4; W_L only 2.
    network = planted.arrays(11, {1: 1.0, 2: 1.0, 3: 1.0})
    x = 2 * np.pi * np.arange(11) / 11
    waves = [np.cos(2 * x), np.cos(3 * x), np.cos(4 * x) + 0.5 * np.cos(5 * x)]
    network = dataclasses.replace(
        network,
        neurons=np.stack([wave[:, None] + 0 * x for wave in waves], 2),
        W_L=np.stack([np.cos(2 * x), 0.2 * np.cos(3 * x), 0.1 * np.cos(4 * x)]),
    )
    by_rule = {
        rule: circuit(network, key_rule=rule).key_frequencies for rule in KEY_RULES
    }
    assert by_rule == {
        "W_L": (2,),
        "W_E": (1, 2, 3),
        "neurons": (2, 3, 4),
        "neurons_0.85": (2, 3),
        "logits": (1, 2, 3),
    }
    assert circuit(network, threshold=0.15).key_frequencies == (2, 3)
    assert circuit(network).key_rule == "W_L"
    assert circuit(network).W_E_frequencies == (1, 2, 3)
    with pytest.raises(ValueError, match=r"key_rule='W_Q' is unknown.*W_L, W_E, neuro"):
        circuit(network, key_rule="W_Q")


def test_given_key_frequencies_are_taken_as_they_are():
    network = planted.noisy(11, 1)
    found = circuit(network, key_frequencies=[5, 2])
    assert (found.key_frequencies, found.key_rule) == ((2, 5), "given")
    with pytest.raises(
        ValueError, match=r"whole numbers from 1 to 5 .order 11., not 6"
    ):
        circuit(network, key_frequencies=[2, 6])


def test_attention_only_falls_back_to_the_logits_and_says_so():
    # The embedding spreads over all frequencies, the logits over two of them.
    generator = np.random.default_rng(0)
    network = dataclasses.replace(
        planted.arrays(13, {3: 9.0, 5: 9.0}),
        neurons=None,
        W_L=None,
        W_E=generator.normal(size=(13, 4)),
    )
    for rule in KEY_RULES:
        found = circuit(network, key_rule=rule)
        if rule == "W_E":
            assert found.key_frequencies == found.W_E_frequencies != (3, 5)
            continue
        assert found.key_frequencies == (3, 5)
        expected = f"logits (instead of {rule}: there is no MLP)"
        assert found.key_rule == ("logits" if rule == "logits" else expected)
    found = circuit(network)
    assert found.sparse and found.key_frequencies == (3, 5)
    assert found.neuron_frequency.shape == (0,) and found.neurons_2d is None
    written = found.as_dict()
    assert written["gini"]["W_L"] is None and written["clusters"] == {}
    assert written["W_L_norms"] is None and written["neuron_share"] is None
    json.dumps(written, allow_nan=False)


def test_the_written_circuit_has_what_scripts_rely_on():
    found = circuit(planted.arrays(7, {2: 9.0}))
    written = json.loads(json.dumps(found.as_dict({"clean_up": [3, 9]})))
    assert written.keys() >= planted.CIRCUIT_KEYS
    assert written["key_frequencies"] == [2]
    assert written["clusters"] == {"2": [0, 1]}
    for name in ("excluded_loss_2d", "excluded_loss_3d"):
        assert written[name].keys() == {"full", "by_frequency"}
        assert list(written[name]["by_frequency"]) == ["1", "2", "3"]
    assert list(written["cos_coefficients"]) == ["1", "2", "3"]
    assert written["trig_loss"].keys() == {"all", "train", "test"}
    assert written["logit_variance_explained"].keys() == {"overall", "per_class"}
    assert written["gini"].keys() == {"W_E", "W_L"}
    assert written["stages"] == {"clean_up": [3, 9]}
    assert written["sum_of_squares"] == pytest.approx({"embed.W_E": 7.0, "total": 7.0})
    assert found.as_dict()["stages"] is None


def test_unknown_train_pairs_leave_nulls_and_no_nan():
    network = dataclasses.replace(
        planted.arrays(7, {2: 9.0}), is_train=None, pool_is_train=None
    )
    written = circuit(network).as_dict()
    json.dumps(written, allow_nan=False)
    assert written["train_loss"] is written["test_loss"] is None
    assert written["trig_loss"]["train"] is written["trig_loss"]["test"] is None
    assert written["excluded_loss_2d"]["full"] is None
    assert set(written["excluded_loss_3d"]["by_frequency"].values()) == {None}
    assert written["all_loss"] is not None and written["trig_loss"]["all"] is not None


def test_every_plain_field_exists():
    names = {field.name for field in dataclasses.fields(circuits.Circuit)}
    assert set(circuits._PLAIN) <= names
