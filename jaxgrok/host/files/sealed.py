"""JSON that notices when it was changed: its last entry is a checksum of all before.

>>> write_atomically(path, sealed('{"cells": 3}'))
>>> unsealed(path.read_bytes())
{'cells': 3}
"""

import hashlib
import json
import re
from typing import Any

KEY = "checksum"
"""The last entry of a sealed object."""
_SEAL = re.compile(rb'[,{]\n "checksum": "([0-9a-f]{32})"\n\}\n\Z')
# How many bytes it matches at most.
_LENGTH = 60


def sealed(text: str) -> bytes:
    """Return an object in JSON with its checksum, as bytes of a file."""
    body = text.rstrip().removesuffix("}").rstrip().encode()
    comma = b"" if body == b"{" else b","
    return b'%b%b\n "%b": "%b"\n}\n' % (body, comma, KEY.encode(), _digest(body))


def unsealed(content: bytes) -> dict[str, Any]:
    """Return an object that was sealed, without its checksum.

    Raises:
        ValueError: it is no such object, or was changed.
    """
    check(content)
    entries: dict[str, Any] = parsed(content)
    del entries[KEY]
    return entries


def check(content: bytes) -> None:
    """Raise ValueError unless these are the bytes of an object as it was sealed."""
    seal = _SEAL.search(content, max(0, len(content) - _LENGTH))
    if seal is None:
        parsed(content)  # says where it is no JSON at all
        raise ValueError("it has no checksum")
    end = seal.start() + (content[seal.start() : seal.start() + 1] == b"{")
    if _digest(content[:end]) != seal[1]:
        raise ValueError("its checksum is another")


def parsed(content: bytes) -> Any:
    """Return what JSON says, whoever wrote it.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def digest(content: bytes) -> str:
    """Return the checksum of a file's bytes."""
    return _digest(content).decode()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
