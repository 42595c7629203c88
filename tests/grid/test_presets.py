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


def test_a_grid_file_may_have_scales_of_its_own():
    own = {"quick": "laptop", "huge": "post"}
    quick, huge = (grid.base(scale, scales=own) for scale in own)
    assert (quick.scale, quick.modulus, quick.steps) == ("quick", 47, (3_000,))
    assert (huge.scale, huge.modulus, huge.steps) == ("huge", 113, (50_000,))
    assert grid.base("laptop", scales=own).scale == "laptop"
    assert grid.resolve(quick).config["scale"] == "quick"
    # What another task has of its own follows the sizes, not the name.
    quick.task = "digits"
    assert quick.digits == 2
    with pytest.raises(
        ValueError, match=r"'big' is unknown.*laptop, quick, huge, auto"
    ):
        grid.base("big", scales=own)
