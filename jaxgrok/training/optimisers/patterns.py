"""Patterns that choose parameters by their names.

>>> decayed("W_E,b_*", ["embed.W_E", "unembed.W_U"])
{'embed.W_E': True, 'unembed.W_U': False}
"""

import fnmatch
from collections.abc import Iterable

from jaxgrok.fields.values import listed, shown
from jaxgrok.training.optimisers.rule import Mask


def decayed(decay_on: str, names: Iterable[str]) -> dict[str, bool]:
    """Tell of each parameter whether it decays.

    Args:
        decay_on: "all", or patterns such as "W_E,b_*".
        names: names of the parameters.

    Raises:
        ValueError: a pattern fits nothing.
    """
    return fitting("decay_on", decay_on, names)


def fitting(field: str, patterns: str, names: Iterable[str]) -> dict[str, bool]:
    """Tell of each parameter whether a pattern fits it.

    Args:
        field: what messages call the patterns.
        patterns: "all", or patterns separated by commas. One fits a whole name
            (blocks.0.mlp.W_in) or its last part (W_in).
        names: names of the parameters.

    Raises:
        ValueError: a pattern fits nothing.
    """
    names = list(names)
    if patterns == "all":
        return dict.fromkeys(names, True)
    matches = dict.fromkeys(names, False)
    for pattern in (part.strip() for part in patterns.split(",")):
        fits = [name for name in names if _fits(name, pattern)]
        if not fits:
            last_parts = dict.fromkeys(name.rpartition(".")[2] for name in names)
            raise ValueError(
                f"{field}={shown(patterns)}: {shown(pattern)} fits no parameter; "
                f"there are {listed(last_parts)}"
            )
        matches |= dict.fromkeys(fits, True)
    return matches


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits a parameter's whole name or its last part."""
    last_part = name.rpartition(".")[2]
    # fnmatchcase, as fnmatch ignores case on some systems: w_e is not W_E.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(last_part, pattern)


def mask_of(decay_on: str) -> Mask | None:
    """Return the mask of what decays; None for all."""
    if decay_on == "all":
        return None
    return lambda params: decayed(decay_on, params)
