"""Which product order is the least work, at the sizes of shipped sweeps."""

import pytest

from jaxgrok.models.product_order import ProductOrder, Sizes

POST = Sizes(
    3840, rows=1, keys=229, weights=8, heads=128, model=128, mlp=512, vocab=114
)
LAPTOP = Sizes(1152, rows=1, keys=97, weights=8, heads=32, model=32, mlp=128, vocab=48)
DIGITS = Sizes(
    4200, rows=4200, keys=4200, weights=0, heads=256, model=256, mlp=1024, vocab=10
)


@pytest.mark.parametrize(
    ("sizes", "order"),
    [
        # The post's x + y mod 113, where rows can be summed and where not.
        (POST, ProductOrder.ROWS),
        (POST._replace(weights=0), ProductOrder.ALL),
        # The same with so many heads that as many rows are weighted as z is wide.
        (POST._replace(weights=128), ProductOrder.ALL),
        (LAPTOP, ProductOrder.NONE),
        # Digits in a second layer, where all streams differ.
        (DIGITS, ProductOrder.OUT),
    ],
)
def test_products_of_matrices_are_formed_where_that_is_less_work(sizes, order):
    assert ProductOrder.best(sizes, weighted=8) is order
