"""Which look-ups are products, by count."""

import pytest

from jaxgrok.models.device_costs import CPU, GPU, TPU, costs_of


@pytest.mark.parametrize(
    ("costs", "rows", "pays"),
    [
        (CPU, 2, False),
        (TPU, 114, True),
        (TPU, 5000, False),
        (GPU, 5000, False),
        (GPU, 50_000, False),
    ],
)
def test_a_one_hot_pays_for_small_tables_on_accelerators(costs, rows, pays):
    assert costs.one_hot_pays(rows) is pays


def test_a_platform_that_is_not_known_is_taken_for_a_gpu():
    assert costs_of("cpu") is CPU and costs_of("tpu") is TPU
    assert costs_of("gpu") is costs_of("rocm") is GPU
