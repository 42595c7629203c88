"""Look-ups whose gradient is a product, or sums, against a scatter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.device_costs import CPU, GPU
from jaxgrok.models.gathers import NARROW, take

pytestmark = pytest.mark.long

# Rows that each position can hold.
BLOCKS = {
    "x y =": (range(5), range(5, 10), range(10, 11)),
    "the last two": (range(3, 8), range(9, 10)),
    "any row": (),
}


@pytest.mark.parametrize("columns", [3, NARROW + 1], ids=["sums", "product"])
@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS)
def test_rows_and_gradients_are_those_of_a_gather(blocks, columns):
    generator = np.random.default_rng(0)
    values = jnp.asarray(generator.normal(size=(11, 2, columns)), jnp.float32)
    held = blocks or (range(11),) * 2
    index = np.stack([generator.choice(block, size=7) for block in held], axis=1)
    weights = jnp.asarray(
        generator.normal(size=(7, len(held), 2, columns)), jnp.float32
    )

    def weighted(values, costs):
        return (take(values, jnp.asarray(index), costs, blocks) * weights).sum()

    found = take(values, jnp.asarray(index), GPU, blocks)
    np.testing.assert_array_equal(found, values[index])
    gradient, expected = (jax.grad(weighted)(values, costs) for costs in (GPU, CPU))
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_a_gpus_program_has_no_scatter():
    def loss(values):
        return (take(values, index, GPU) ** 2).sum()

    index = jnp.zeros((4, 2), int)
    for columns in (3, NARROW + 1):
        text = jax.jit(jax.grad(loss)).lower(jnp.ones((5, columns))).as_text()
        assert "gather" in text and "scatter" not in text
