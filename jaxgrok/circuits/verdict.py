"""Is there a circuit? The verdict on a network's logits, and what it is of.

A network that adds in a cyclic group has logits that are cosines of a ± b - c, whatever
it is built of. The share of their variance in such cosines tells it from one that
memorised; docs/circuit.md compares this with other rules.

>>> judge(0.93, (2, 5), 11)["verdict"]
"sparse circuit: cosines hold 93.0% of the logits' variance, most at frequencies 2, 5"
"""

from collections.abc import Sequence
from typing import TypedDict

CIRCUIT_SHARE = 0.2
"""There is a circuit from this share of the logits' variance in cosines on."""


class VerdictFields(TypedDict):
    """Fields of `Circuit` about the verdict."""

    has_circuit: bool
    sparse: bool
    verdict: str
    cosine_share: float


def judge(
    cosine_share: float, strongest: Sequence[int], frequencies: int
) -> VerdictFields:
    """Tell whether there is a circuit, and whether few frequencies make it up.

    Args:
        cosine_share: share of the logits' variance in the cosines of all frequencies;
            NaN where the logits do not vary.
        strongest: frequencies that stand out in the logits (rule "logits").
        frequencies: how many there are, n//2.
    """
    has_circuit = cosine_share >= CIRCUIT_SHARE
    # Of many frequencies none stands out.
    sparse = has_circuit and 2 * len(strongest) <= frequencies
    held = f"cosines hold {cosine_share:.1%} of the logits' variance"
    names = ", ".join(map(str, strongest))
    if not cosine_share >= 0:
        verdict = "no circuit: the logits do not depend on the pair"
    elif not has_circuit:
        verdict = f"no circuit: {held}, below {CIRCUIT_SHARE:.0%}"
    elif sparse:
        verdict = f"sparse circuit: {held}, most at frequencies {names}"
    else:
        count = f"{len(strongest)} of {frequencies} frequencies"
        verdict = f"circuit, not sparse: {held}, spread over {count}"
    return {
        "has_circuit": has_circuit,
        "sparse": sparse,
        "verdict": verdict,
        "cosine_share": cosine_share,
    }
