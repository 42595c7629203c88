"""Moments as text, for files: in UTC, to the second.

>>> utc_now()
'2026-11-25T13:05:09Z'
"""

import datetime


def utc_now() -> str:
    """Return the present moment."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds_between(earlier: str, later: str) -> float | None:
    """Return the seconds between two such moments; None where one is none."""
    try:
        start, end = (
            datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
            for text in (earlier, later)
        )
    except (TypeError, ValueError):
        return None
    return (end - start).total_seconds()
