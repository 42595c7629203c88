"""The short form of what docs/reliability.md says of concurrency."""

import pytest

import chaotic


@pytest.mark.process
def test_the_short_form_of_concurrency(tmp_path):
    chaotic.short_form("concurrency", tmp_path, timeout=300)
