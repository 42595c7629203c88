"""A sealed object is as it was written, or refused."""

import pytest

from jaxgrok.host.files.sealed import digest, parsed, sealed, unsealed

TEXT = '{"cells": [1, 2], "title": "x+y"}'


@pytest.mark.parametrize("text", [TEXT, "{}", '{\n "a": 1\n}\n'])
def test_it_comes_back_as_it_was(text):
    assert unsealed(sealed(text)) == parsed(text.encode())


def test_no_bit_of_it_may_change():
    content = sealed(TEXT)
    for at in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            with pytest.raises(ValueError):
                unsealed(bytes(changed))
        with pytest.raises(ValueError):
            unsealed(content[:at])


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"\xff", b"1" * 9_000])
def test_what_is_no_json_is_refused(content):
    with pytest.raises(ValueError):
        parsed(content)


def test_a_digest_is_that_of_the_bytes():
    assert digest(b"a") == digest(b"a") != digest(b"b")
