import pytest

from chaotic import short_form


@pytest.mark.process
def test_damage_is_named_or_harmless(tmp_path):
    short_form("corruption", tmp_path)
