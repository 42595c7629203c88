"""Values on an axis: their names, and round steps between two limits."""

from numpy.typing import NDArray


def value_names(values: NDArray) -> list[str]:
    """Names of the values of an axis, of three digits where these tell them apart."""
    if values.dtype.kind != "f":
        return [str(value) for value in values]
    brief = [f"{value:.3g}" for value in values]
    apart = len(set(brief)) == len(set(values.tolist())) and "e" not in "".join(brief)
    names = brief if apart else [f"{value:.10g}" for value in values]
    return ["–" if name == "nan" else name for name in names]


def round_steps(low: float, high: float) -> list[float]:
    """Round numbers in low..high for the ticks of a log scale, more in a short one."""
    numbers = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5)
    if high > 1000 * low:
        numbers = (1,)
    steps = [n * 10.0**k for k in range(-1, 12) for n in numbers]
    return [step for step in steps if low <= step <= high]
