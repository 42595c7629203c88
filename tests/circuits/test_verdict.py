"""The verdict: a circuit or none, sparse or not, by one number and its spectrum."""

import math
import re

import pytest

from jaxgrok.circuits.verdict import CIRCUIT_SHARE, judge


@pytest.mark.parametrize(
    ("share", "strongest", "has_circuit", "sparse", "words"),
    [
        (0.95, (2, 5), True, True, "sparse circuit: 95.0% of .* at frequencies 2, 5$"),
        (0.9, range(1, 12), True, False, "circuit, not sparse: .* 11 of 11 frequenci"),
        (0.1, (3,), False, False, "no circuit: 10.0% of .* alone, below 35%$"),
        (math.nan, (), False, False, "no circuit: the logits do not depend on the"),
        (CIRCUIT_SHARE, (1,), True, True, "sparse circuit: .* at frequency 1$"),
    ],
)
def test_one_number_tells_a_circuit_and_its_spectrum_whether_it_is_sparse(
    share, strongest, has_circuit, sparse, words
):
    fields = judge(share, tuple(strongest), 11)
    assert (fields["has_circuit"], fields["sparse"]) == (has_circuit, sparse)
    assert re.match(words, fields["verdict"])
