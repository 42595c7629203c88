"""Stages and observations of curves that were drawn by hand."""

import json

import numpy as np
import pytest

from jaxgrok.circuits.stages import observations, stages


def ramp(*points):
    """A curve whose log10 is linear between (snapshot, log10) points."""
    at, levels = zip(*points, strict=True)
    return 10 ** np.interp(np.arange(at[-1] + 1), at, levels)


def curves(**changed):
    """A grok over 101 snapshots, 10 steps apart, with corners at known places."""
    made = {
        "steps": 10 * np.arange(101),
        "train_loss": ramp((0, 0), (10, -4), (60, -4), (70, -7), (100, -7)),
        "test_loss": ramp((0, 0.5), (10, 1), (50, 1), (75, -7), (100, -7)),
        "excluded_loss_2d_full": ramp((0, 0.6), (10, -0.5), (60, 1), (100, 0.9)),
        "trig_loss_all": ramp((0, 0), (30, 0), (55, -8), (100, -8)),
        "W_E_norms": np.ones((101, 113)),
        "cos_coefficients": np.ones((101, 56)),
        "attention_to_equals": np.full((101, 2), 0.3),
    }
    return made | changed


def test_stages_of_a_grok():
    assert stages(curves()) == {
        "memorisation": [0, 100],
        "interpolation": [100, 530],
        "generalisation": [330, 530],
        "clean_up": [530, 730],
        "stability": [730, 1000],
    }


def test_a_late_spike_does_not_end_the_fall():
    test_loss = curves()["test_loss"]
    test_loss[98:] = [1e-2, 1e-7, 1e-3]
    assert stages(curves(test_loss=test_loss))["clean_up"] == [530, 730]


def test_the_excluded_loss_is_searched_before_the_clean_up_ends():
    excluded = curves()["excluded_loss_2d_full"]
    excluded[90:] = 1e-3
    found = stages(curves(excluded_loss_2d_full=excluded))
    assert found["memorisation"] == [0, 100]


def test_stages_where_the_network_never_generalised():
    found = stages(curves(test_loss=ramp((0, 0.5), (100, 1.5))))
    # 90% of the fall from 1 to 1e-7 is 10^-6.3: 23/30 of the way from 60 to 70.
    assert found.pop("memorisation") == [0, 680]
    assert set(found.values()) == {None}
    barely = ramp((0, 0.5), (50, 0.5), (100, -0.3))  # ends at 0.5 > 0.1 log 113
    assert stages(curves(test_loss=barely))["clean_up"] is None


def test_no_interpolation_where_test_falls_with_train():
    found = stages(
        curves(
            test_loss=ramp((0, 0.5), (10, -7), (100, -7)),
            excluded_loss_2d_full=ramp((0, 0.6), (9, -1), (100, 1)),
        )
    )
    assert found["clean_up"] == [10, 100 - 10]
    assert found["memorisation"] == [0, 90]
    assert found["interpolation"] is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_stages_of_a_diverged_training(value):
    train_loss = curves()["train_loss"]
    train_loss[50:] = value
    assert set(stages(curves(train_loss=train_loss)).values()) == {None}


def test_norms_that_meet():
    mlp, rest = np.linspace(500, 100, 101), np.full(101, 100.0)
    others = ("embed.W_E", "unembed.W_U", "blocks.0.attn.W_V", "blocks.0.attn.W_O")
    found = observations(
        curves(
            **{f"sum_of_squares/{name}": rest for name in others},
            **{
                f"sum_of_squares/blocks.0.mlp.{name}": mlp + change
                for name, change in (("W_in", 1), ("W_out", -1))
            },
            **{"sum_of_squares/blocks.0.attn.W_Q": np.full(101, 1e9)},
            **{"sum_of_squares/blocks.0.mlp.b_in": np.full(101, 1e9)},
        )
    )
    # 500 - 4 i ≤ 125 from i = 93.75 on.
    assert found["norms_meet"] == pytest.approx(
        {"start_ratio": 5, "end_ratio": 1, "step": 940}
    )


def test_the_train_loss_drops_again():
    found = observations(curves())["train_loss_drop"]
    assert found == pytest.approx({"before": 1e-4, "after": 1e-7, "ratio": 1000})


def test_competition_names_the_frequencies_that_lost():
    values = np.zeros((101, 56))
    values[:, 13] = np.linspace(0, 100, 101)
    values[:, 40] = -np.interp(np.arange(101), [0, 60, 100], [0, 80, 20])
    values[:, 51] = np.interp(np.arange(101), [0, 60, 100], [0, 80, 60])
    values[:, 5] = np.interp(np.arange(101), [0, 60, 100], [0, 9, 0])
    found = observations(curves(cos_coefficients=values))["competition"]
    assert found == {"41": {"peak_step": 600, "peak": 80.0, "end": 20.0}}


def test_attention_to_equals_that_comes_back():
    attention = np.stack(
        [
            np.interp(
                np.arange(101), [0, 20, 60, 80, 100], [0.33, 0.01, 0.01, 0.2, 0.1]
            ),
            np.linspace(0.33, 0.02, 101),
        ],
        axis=1,
    )
    found = observations(curves(attention_to_equals=attention))["attention_to_equals"]
    assert found["start"] == [0.33, 0.33]
    assert found["lowest_step"] == [200, 1000]
    assert found["largest_after"] == pytest.approx([0.2, 0.02])
    assert found["largest_after_step"] == [800, 1000]
    assert found["end"] == pytest.approx([0.1, 0.02])
    json.dumps(observations(curves()), allow_nan=False)
