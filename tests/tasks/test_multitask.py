"""Several operations in one network: the pool by hand, an unembedding each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models import model_inputs, transformer
from jaxgrok.tasks import Example, component_names
from jaxgrok.tasks.multitask import Multitask


def test_pool_by_hand():
    task = Multitask("x+y, x-y,x*y", 5)
    tokens, labels = task.pool()
    by_hand = []
    for number, answer in enumerate(
        (lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y)
    ):
        for x in range(5):
            for y in range(5):
                by_hand.append(([x, 5 + number, y, 8], answer(x, y) % 5, number))
    assert tokens.tolist() == [row for row, _, _ in by_hand]
    assert labels[:, 0].tolist() == [answer for _, answer, _ in by_hand]
    assert task.component(tokens, labels)[:, 0].tolist() == [n for _, _, n in by_hand]
    assert (task.vocab_in, task.vocab_out, task.pool_size) == (9, 5, 75)
    assert (task.read, task.fixed_tokens) == ((3,), (None, None, None, 8))
    assert component_names(task) == ("x+y", "x-y", "x*y")
    assert tokens.dtype == labels.dtype == np.int32


def test_division_leaves_out_zero_here_too():
    task = Multitask("x+y,x/y", 5)
    assert task.pool_size == 25 + 20 == len(task.pool()[0])


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ("x+y", "at least two operations"),
        ("x+y,x+y", "each once"),
        ("x+y,xy", "operation='xy' must be one of"),
    ],
)
def test_wrong_operations_are_refused(operations, message):
    with pytest.raises(ValueError, match=message):
        Multitask(operations, 5)


def test_each_operation_has_an_unembedding_of_its_own():
    task = Multitask("x+y,x-y", 5)
    model = transformer.build(task, d_model=8, heads=2, d_head=4, d_mlp=8)
    tokens, labels = task.pool()
    examples = Example(jnp.asarray(tokens), jnp.asarray(labels))
    extras = model_inputs(task, examples)
    init = jax.jit(model.init)
    params = init(jax.random.key(0), examples.tokens, **extras)["params"]
    assert params["unembed.W_U"].shape == (2, 8, 5)

    @jax.jit
    def logits(params):
        return model.apply({"params": params}, examples.tokens, **extras)[0]

    _, acts = jax.jit(model.apply)({"params": params}, examples.tokens, **extras)
    by_hand = jnp.einsum(
        "erd,edv->erv",
        acts["blocks.0.hook_resid_post"][:, 3:],
        params["unembed.W_U"][np.repeat([0, 1], 25)],
    )
    np.testing.assert_allclose(logits(params), by_hand, rtol=1e-5, atol=1e-6)
    changed = params | {"unembed.W_U": params["unembed.W_U"].at[1].add(1.0)}
    moved = np.asarray(logits(changed) != logits(params)).any((1, 2))
    assert moved.tolist() == [False] * 25 + [True] * 25
