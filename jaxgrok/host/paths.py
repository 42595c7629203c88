"""Paths as users write them, and values as file names.

>>> expanded("--out=~/runs/mine")
'--out=/home/ada/runs/mine'
>>> file_name("operation=x/y,seed=0")
'operation=x%2Fy,seed=0'
"""

import os
import re
from pathlib import Path


def home() -> Path | None:
    """Return the user's home folder; None where it is not known."""
    try:
        folder = Path.home()
    except RuntimeError:  # no HOME, and no entry for the user, as in some containers
        return None
    return folder if folder.is_absolute() else None


def expanded(word: str) -> str:
    """Return a path, or a flag with one, with the home folder for a ~ at its start.

    Shells expand `--out ~/runs` but leave `--out=~/runs` as it is.

    Raises:
        ValueError: the home folder is not known.
    """
    # Groups: 1 the flag, 2 what follows the ~.
    match = re.fullmatch(r"(--?\w+=)?~((?:[/\\].*)?)", word, re.DOTALL)
    if match is None:
        return word
    folder = home()
    if folder is None:
        raise ValueError(f"{word}: the home folder is unknown; set HOME")
    return f"{match[1] or ''}{folder}{match[2]}"


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a user wrote, with the home folder for a ~ at its start."""
    return Path(expanded(os.fspath(path)))


def file_name(text: str) -> str:
    """Return a text as the name of one file on any system.

    What separates folders, or no system takes, is written as in addresses: %2F for /.
    """
    return re.sub(r'[\x00-\x1f%/\\:*?"<>|]', lambda m: f"%{ord(m[0]):02X}", text)
