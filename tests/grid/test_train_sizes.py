"""Training-set sizes to choose from."""

from jaxgrok import grid


def test_sizes_are_even_on_a_log_axis():
    assert grid.sizes(100, 1600, 5) == (100, 200, 400, 800, 1600)
    assert grid.sizes(1, 4, 24) == (1, 2, 3, 4)
