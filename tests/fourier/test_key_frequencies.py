"""Key frequencies of handmade norms: each rule, and the threshold."""

import math

import numpy as np
import pytest

from jaxgrok.fourier import key_frequencies
from jaxgrok.fourier.key_frequencies import is_above
from jaxgrok.fourier.neuron_spectra import Spectrum

# The constant's norm comes first; then cosine and sine of the frequencies 1, 2 and 3.
W_E = np.array([9.0, 3, 4, 0, 0, 0, 2])
W_L = np.array([0.0, 0, 0, 1, 0, 3, 0])
COEFFICIENTS = np.array([1.0, -4, 0.5])
PART = np.zeros(4)
SPECTRUM = Spectrum(np.array([2, 0, 3, 2]), np.array([1, 1, 0.5, 0.9]), PART, PART)


def by_rule(rule, threshold=0.25, W_L_norms=W_L, spectrum=SPECTRUM):
    return key_frequencies.frequencies_by_rule(
        rule, threshold, W_E, W_L_norms, spectrum, COEFFICIENTS
    )


def test_cosine_and_sine_of_a_frequency_count_together():
    # Alone, neither passes a quarter of the largest: 0.24 and 0.24, 0.34 together.
    norms = np.array([0, 1, 0, 0.24, 0, 0.24, 0.24])
    assert is_above(norms).tolist() == [True, False, True]
    assert is_above(np.zeros(7)).tolist() == [False] * 3


@pytest.mark.parametrize(
    ("rule", "frequencies"),
    [
        ("W_E", (1, 3)),
        ("W_L", (2, 3)),
        ("neurons", (2, 3)),
        ("neurons_0.85", (2,)),
        ("logits", (2,)),
    ],
)
def test_each_rule_reads_its_own_array(rule, frequencies):
    assert by_rule(rule) == (frequencies, rule)


def test_a_frequency_passes_above_the_threshold_only():
    # Norms of 5, 0 and 2, and of 0, 1 and 3.
    assert by_rule("W_E", 0.4)[0] == (1,)
    assert by_rule("W_E", 0.39)[0] == (1, 3)
    assert by_rule("W_L", 0.34)[0] == (3,)


@pytest.mark.parametrize("rule", ["W_L", "neurons", "neurons_0.85"])
def test_without_an_mlp_a_rule_falls_back_to_the_logits_and_says_so(rule):
    note = f"logits (instead of {rule}: there is no MLP)"
    assert by_rule(rule, W_L_norms=None, spectrum=None) == ((2,), note)
    assert by_rule("W_E", W_L_norms=None, spectrum=None) == ((1, 3), "W_E")


def test_an_unknown_rule_names_those_that_exist():
    with pytest.raises(ValueError, match=r"key_rule='W_Q' is unknown.*W_L, W_E, neuro"):
        by_rule("W_Q")


def test_frequencies_of_the_user_are_sorted_and_named_where_wrong():
    assert key_frequencies.check_frequencies([5, 2, 2], 11) == (2, 5)
    for wrong in (0, 6, 1.5):
        with pytest.raises(ValueError, match=rf"from 1 to 5 \(order 11\), not {wrong}"):
            key_frequencies.check_frequencies([2, wrong], 11)


def test_a_mask_counts_from_the_first_frequency():
    assert key_frequencies.frequency_mask([1, 3], 7).tolist() == [True, False, True]
    assert key_frequencies.frequency_mask([], 6).tolist() == [False] * 3


def test_the_share_of_energy_counts_the_constant_in_the_whole():
    assert key_frequencies.energy_share(W_E, [1]) == pytest.approx(25 / 110)
    assert key_frequencies.energy_share(W_L, [1, 2, 3]) == 1
    assert math.isnan(key_frequencies.energy_share(np.zeros(7), [1]))
    assert math.isnan(key_frequencies.energy_share(W_L, []))
