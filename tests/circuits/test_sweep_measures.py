"""Circuit measures of a sweep: what was planted in the curves comes back."""

import numpy as np

from jaxgrok.circuits.sweep_measures import key_frequencies, survey


def test_survey_finds_the_planted_share_and_lead():
    step = np.arange(0, 100, 10)
    W_L = np.full((3, 10, 8), 0.1)
    W_L[:2, -1, 2] = 1.0  # cells 0 and 1 end with the one frequency k = 3
    W_L[0, :-1] = 1.0  # what was before the end does not count
    W_E = np.ones((3, 10, 8))
    W_E[0, -1] = [1, 1, 4, 1, 1, 1, 1, 1]
    excluded = np.full((3, 10, 8), 5.0)
    excluded[:, :, 2] = [4, 2, 1, 1.5, 1.9, 2.0, 6, 7, 8, 9]
    curves = {"step": step, "W_E_norm": W_E, "W_L_norm": W_L, "excluded_loss": excluded}
    share, lead = survey(curves, grok_step=[80, np.nan, 80])
    np.testing.assert_allclose(share, [16 / 23, 1 / 8, np.nan])
    np.testing.assert_allclose(lead, [80 - 50, np.nan, np.nan])
    W_L[0, 6:] = np.nan  # it ended at step 50
    excluded[0, 6:] = np.nan
    share, lead = survey(curves, grok_step=[50, np.nan, 80])
    assert np.isnan(share[0])


def test_key_frequencies_are_those_of_the_last_spectrum():
    W_L = np.full((3, 4, 8), 0.1)
    W_L[0, :2, 5] = 1.0  # a frequency that was given up
    W_L[0, 2:, 2] = 1.0
    W_L[0, 2:, 6] = 0.5
    W_L[1, :2, 1] = 1.0
    W_L[1, 2:] = np.nan  # it diverged
    W_E = np.ones((3, 4, 8))
    keys = key_frequencies({"W_E_norm": W_E, "W_L_norm": W_L})
    assert [np.flatnonzero(key).tolist() for key in keys] == [[2, 6], [1], []]
    # A network without MLP has no W_L: W_E stands in for it.
    alone = key_frequencies({"W_E_norm": W_L, "W_L_norm": np.full_like(W_L, np.nan)})
    np.testing.assert_array_equal(alone, keys)
