"""Pool rows and weights in the order of a cyclic group, by hand."""

import numpy as np
import pytest

from jaxgrok.fourier import group_order
from jaxgrok.tasks.modular import Modular


@pytest.mark.parametrize("operation", ["x+y", "x-y", "x*y", "x/y"])
def test_the_row_of_a_pair_holds_its_tokens_and_its_sum_in_the_group(operation):
    task = Modular(operation, 7)
    tokens, labels = task.pool()
    n, elements, sign = group_order.reading_of(task)
    rows = group_order.pair_rows(task)
    assert rows.shape == (n, n)
    for a, b in np.ndindex(n, n):
        assert tokens[rows[a, b], :2].tolist() == [elements[a], elements[b]]
        assert labels[rows[a, b], 0] == elements[(a + sign * b) % n]


def test_an_operation_without_a_reading_names_those_that_have_one():
    with pytest.raises(ValueError, match=r"has no Fourier reading.*x\+y, x-y, x\*y"):
        group_order.reading_of(Modular("x^2+y^2", 7))


@pytest.mark.parametrize(
    ("is_train", "message"),
    [
        (np.zeros(24, bool), r"is_train=bool \[24\] must be .* each of the 25 pairs"),
        (np.zeros(25, np.int64), r"is_train=int64 \[25\] must be one bool"),
    ],
)
def test_a_split_is_one_bool_for_each_pair(is_train, message):
    with pytest.raises(ValueError, match=message):
        group_order.check_is_train(Modular(modulus=5), is_train)


def test_a_split_may_be_a_list():
    split = group_order.check_is_train(Modular(modulus=2), [True, False, True, True])
    assert split.tolist() == [True, False, True, True]
    assert split.dtype == bool


def test_the_embedding_of_an_mlp_is_its_look_up_table():
    table, W_E = np.ones((6, 4)), np.ones((6, 8))
    assert group_order.embedding({"mlp.W_in": table}) is table
    assert group_order.embedding({"blocks.0.mlp.W_in": table, "embed.W_E": W_E}) is W_E


def test_neurons_act_on_the_logits_of_the_group_through_the_last_layer():
    generator = np.random.default_rng(0)
    names = ("blocks.2.mlp.W_out", "blocks.10.mlp.W_out", "unembed.W_U")
    params = {name: generator.normal(size=(3, 3)) for name in names}
    W_L = group_order.neuron_logits(params, np.array([2, 0]))
    expected = params["blocks.10.mlp.W_out"] @ params["unembed.W_U"]
    np.testing.assert_allclose(W_L, expected[:, [2, 0]])


def test_an_mlp_acts_on_the_logits_directly_and_attention_not_at_all():
    W_out, W_U = np.arange(6.0).reshape(2, 3), np.ones((4, 3))
    direct = group_order.neuron_logits({"mlp.W_out": W_out}, np.array([1, 2]))
    assert direct.tolist() == [[1, 2], [4, 5]]
    assert group_order.neuron_logits({"unembed.W_U": W_U}, np.array([1])) is None
