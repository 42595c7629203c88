import numpy as np
import pytest
from drawn import measured, planted

from jaxgrok.analyse import figure_arrays
from jaxgrok.analyse.circuits import FileSource, Report
from jaxgrok.host.files.packed_files import packed


def arrays(folder, **options):
    network, circuit = planted(**options)
    measures = measured(circuit)
    report = Report(FileSource("x.npz"), network, circuit, measures)
    figure_arrays.write(report, folder)
    with packed(folder / figure_arrays.FILE, "") as (head, values):
        return report, head, dict(values)


def test_the_arrays_are_those_of_the_figures(tmp_path):
    report, head, values = arrays(tmp_path)
    circuit, network = report.circuit, report.network
    assert head["keys"] == list(circuit.key_frequencies)
    assert head["inputs"] == ["x", "y"]
    near = {"rtol": 2e-3, "atol": 2e-3}
    np.testing.assert_allclose(values["W_E_norms"], circuit.W_E_norms, **near)
    np.testing.assert_allclose(
        values["attention"][1], network.pattern[..., 1, 0], **near
    )
    first = head["neurons"][0]
    np.testing.assert_allclose(
        values["neurons"][0], network.neurons[..., first], **near
    )
    np.testing.assert_allclose(values["circles"][1], circuit.circles[5], **near)
    steps = values["steps"].tolist()
    assert steps == report.measures["steps"].tolist()
    assert values["W_E_norms_over_training"].shape == (len(steps), circuit.order)


def test_each_key_frequency_shows_a_neuron(tmp_path):
    report, head, _ = arrays(tmp_path)
    own = report.circuit.neuron_frequency[head["neurons"]].tolist()
    assert own[:2] == list(report.circuit.key_frequencies)
    assert len(head["neurons"]) <= figure_arrays.MOST_NEURONS


@pytest.mark.parametrize("options", [{"mlp": False}, {"keys": ()}])
def test_what_a_network_lacks_is_left_out(tmp_path, options):
    _, head, values = arrays(tmp_path, **options)
    if "mlp" in options:
        assert head["neurons"] == [] and "neurons" not in values
    else:
        assert head["keys"] == [] and "circles" not in values
