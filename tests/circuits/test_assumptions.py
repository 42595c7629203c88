"""What a network is read as, in a line that a reader can check."""

import types

from jaxgrok.circuits.assumptions import Assumptions
from jaxgrok.models import mlp, transformer
from jaxgrok.tasks.modular import Modular


def test_they_are_those_of_the_task_and_of_the_model():
    task = Modular("x-y", 11)
    model = transformer.build(task, d_model=4, heads=1, d_head=2, layer_norm=True)
    words = "x-y, p = 11, 12 outputs, relu, layer norm"
    assert str(Assumptions.of(task, model)) == words


def test_a_network_without_attention_has_no_layer_norm():
    task = Modular("x+y", 11)
    model = mlp.MLPBuilder(d_mlp=4).build(task, "float32")
    assert "no layer norm" in str(Assumptions.of(task, model))


def test_what_a_model_of_ones_own_lacks_is_unknown():
    assumed = Assumptions.of(Modular("x+y", 11), types.SimpleNamespace())
    assert assumed.outputs is assumed.activation is assumed.layer_norm is None
