"""Where a config starts: the scales, and an unknown one."""

import pytest

from jaxgrok import grid


def test_scales_are_those_of_the_post_and_a_smaller_one():
    post = grid.base("post")
    assert (post.modulus, post.d_model, post.d_mlp, post.steps) == (
        113,
        128,
        512,
        (50_000,),
    )
    laptop = grid.base("laptop")
    assert laptop.modulus < 113
    assert laptop.scale == "laptop"
    assert grid.base("auto").scale == grid.base().scale == "laptop"  # on a CPU


def test_unknown_scale_lists_the_names():
    with pytest.raises(ValueError, match=r"scale='huge' is unknown.*post, laptop"):
        grid.base("huge")
