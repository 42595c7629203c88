"""Optimisers against steps written by hand, in float64."""

import numpy as np
import pytest

from stepped import RATE, adam_step, adamw, by_hand, check, run, same

MOMENTUM, L1 = 0.9, 0.05


def adam_l2(w, g, memory, count, decay):
    return w - RATE * adam_step(g + decay * w, memory, count)


def sgd(w, g, memory, count, decay):
    return w - RATE * (g + decay * w)


def heavy_ball(w, g, memory, count, decay):
    memory["m"] = MOMENTUM * memory.get("m", 0) + g + decay * w
    return w - RATE * memory["m"]


def lion(w, g, memory, count, decay):
    slow = memory.get("m", 0)
    memory["m"] = 0.98 * slow + 0.02 * g
    return w - RATE * (np.sign(0.9 * slow + 0.1 * g) + decay * w)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"optimiser": "adamw"}, adamw),
        ({"optimiser": "adam"}, adam_l2),
        ({"optimiser": "sgd"}, sgd),
        ({"optimiser": "sgd", "momentum": MOMENTUM}, heavy_ball),
        ({"optimiser": "lion"}, lion),
    ],
    ids=["adamw", "adam", "sgd", "momentum", "lion"],
)
def test_updates_are_those_by_hand(fields, rule):
    check(rule, **fields)
    same(run(**fields, l1=L1), by_hand(rule, l1=L1))
    chosen = by_hand(rule, l1=L1, decays=lambda name: "W_E" in name)
    same(run(**fields, l1=L1, decay_on="W_E"), chosen)
