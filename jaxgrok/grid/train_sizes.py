"""Training-set sizes to choose from, evenly spaced on a log scale.

>>> sizes(300, 2000, 5)
(300, 482, 775, 1245, 2000)
"""


def sizes(low: int, high: int, count: int = 24) -> tuple[int, ...]:
    """At most `count` training-set sizes from `low` to `high`, evenly apart in log n.

    Raises ValueError for a range that holds no two sizes.
    """
    if not 1 <= low < high:
        raise ValueError(
            f"sizes {low}:{high} are no range; the first must be at least 1, and the "
            "last above it"
        )
    if count < 2:
        raise ValueError(f"count={count} is not enough; a range needs at least 2 sizes")
    ratio = (high / low) ** (1 / (count - 1))
    return tuple(sorted({round(low * ratio**i) for i in range(count)}))
