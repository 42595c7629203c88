"""Is there a circuit? The verdict on a network's logits, and what it is of.

The logits of a network that adds in a cyclic group depend on a ± b, whatever it is
built of; those of one that memorised depend on the pair. docs/circuit.md compares this
with other rules.

>>> judge(0.93, (2, 5), 11)["verdict"]
"sparse circuit: 93.0% of the logits' variance depends on the answer alone, …"
"""

from collections.abc import Sequence
from typing import TypedDict

CIRCUIT_SHARE = 0.35
"""There is a circuit from this share of the logits' variance on."""


class VerdictFields(TypedDict):
    """Fields of `Circuit` about the verdict."""

    has_circuit: bool
    sparse: bool
    verdict: str
    answer_share: float


def judge(
    answer_share: float, strongest: Sequence[int], frequencies: int
) -> VerdictFields:
    """Tell whether there is a circuit, and whether few frequencies make it up.

    Args:
        answer_share: share of the logits' variance that depends on the answer alone;
            NaN where they do not vary.
        strongest: frequencies that stand out in the logits (rule "logits").
        frequencies: how many there are, n//2.
    """
    has_circuit = answer_share >= CIRCUIT_SHARE
    # Of many frequencies none stands out.
    sparse = has_circuit and 2 * len(strongest) <= frequencies
    part = f"{answer_share:.1%} of the logits' variance depends on the answer alone"
    names = ", ".join(map(str, strongest))
    if not answer_share >= 0:
        verdict = "no circuit: the logits do not depend on the pair"
    elif not has_circuit:
        verdict = f"no circuit: {part}, below {CIRCUIT_SHARE:.0%}"
    elif sparse:
        noun = "frequency" if len(strongest) == 1 else "frequencies"
        verdict = f"sparse circuit: {part}, most of it at {noun} {names}"
    else:
        count = f"{len(strongest)} of {frequencies} frequencies"
        verdict = f"circuit, not sparse: {part}, spread over {count}"
    return {
        "has_circuit": has_circuit,
        "sparse": sparse,
        "verdict": verdict,
        "answer_share": answer_share,
    }
