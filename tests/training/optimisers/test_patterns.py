"""Patterns choose parameters by whole names and by their last parts."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.training.optimisers.patterns import decayed, fitting, mask_of

NAMES = ["embed.W_E", "blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "unembed.W_U"]


def chosen(patterns):
    return [name for name, on in decayed(patterns, NAMES).items() if on]


def test_patterns_take_last_parts_whole_names_and_stars():
    assert chosen("all") == NAMES
    assert chosen("W_E, unembed.W_U") == [NAMES[0], NAMES[3]]
    assert chosen("W_*") == [NAMES[0], NAMES[1], NAMES[3]]
    assert chosen("blocks.*") == NAMES[1:3]
    with pytest.raises(ValueError, match="'W_X' fits no parameter; there are"):
        chosen("W_E,W_X")
    with pytest.raises(ValueError, match="mine='W_X': 'W_X' fits no parameter"):
        fitting("mine", "W_X", NAMES)


def test_all_needs_no_mask():
    assert mask_of("all") is None
    assert mask_of("W_E")(dict.fromkeys(NAMES))[NAMES[0]]


def test_a_grid_refuses_a_pattern_that_fits_nothing():
    with pytest.raises(ValueError, match=r"decay_on='W_X': .* fits no parameter"):
        grid.resolve(tiny.config(decay_on="W_X"))
