"""The short form of what docs/reliability.md says of isolation."""

import pytest

import chaotic


@pytest.mark.process
def test_the_short_form_of_isolation(tmp_path):
    chaotic.short_form("isolation", tmp_path, timeout=300)
