"""Moments in files."""

import re

from jaxgrok.host.clock import seconds_between, utc_now


def test_a_moment_is_in_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", utc_now())
    assert seconds_between("2026-11-25T13:05:09Z", utc_now()) >= 0


def test_seconds_are_counted_over_midnight_and_none_is_none():
    assert seconds_between("2026-11-25T23:59:50Z", "2026-11-26T00:00:20Z") == 30
    assert seconds_between("", "2026-11-26T00:00:20Z") is None
    assert seconds_between("2026-11-26T00:00:20Z", None) is None
