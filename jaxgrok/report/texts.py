"""Texts that can be sent: without what only this machine knows.

>>> sendable("saved to /home/ada/runs/mine")
'saved to mine'
"""

import contextlib
import functools
import getpass
import re
import socket

_NAME = r"[^\s\\/\"'<>|:;,()]+"
_PATH = re.compile(
    # A drive, a ~, or a slash with a folder behind it; before it stands no word, slash
    # or bracket, as in x/y, in addresses and in </a>.
    rf"(?<![\w/.:<])(?:[A-Za-z]:[\\/]|~[\w.-]*/|/{_NAME}/)(?:{_NAME}[\\/])*({_NAME})"
)


def sendable(text: str) -> str:
    """Return a text with every absolute path shortened to its last name.

    The names of the host and of the user, where they stand as words, are replaced.
    """
    text = _PATH.sub(lambda match: match[1], text)
    for name, replacement in _names():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", replacement, text)
    return text


@functools.cache
def _names() -> tuple[tuple[str, str], ...]:
    """Return the names of the host and of the user, with what replaces them."""
    names = [(socket.gethostname(), "host")]
    # Some containers have no entry for the user, and some systems no such list.
    with contextlib.suppress(KeyError, OSError, ImportError, AttributeError):
        names.append((getpass.getuser(), "user"))
    # root says nothing on who it is, and is a word of every other text.
    return tuple(
        (name, word) for name, word in names if len(name) > 2 and name != "root"
    )
