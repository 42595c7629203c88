"""What an error says in one line."""

import pytest

from jaxgrok.host.error_text import MOST, first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("no memory\nfor 9 bytes"), "no memory"),
        (RuntimeError("x" * (MOST + 1)), "x" * MOST),
        (KeyError("name"), "'name'"),
        (MemoryError(), "MemoryError"),
    ],
    ids=["pages", "long", "a key", "silent"],
)
def test_an_error_is_its_first_line(error, line):
    assert first_line(error) == line
