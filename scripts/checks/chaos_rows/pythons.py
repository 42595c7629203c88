"""Other Pythons of this machine, with the versions of packages that this one has.

>>> for version, python in others(): environment(python, folder, checkout)
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

VERSIONS = ("3.14", "3.13", "3.12", "3.11")
"""Newest first."""
MINUTES = 15


def others() -> Iterator[tuple[str, str]]:
    """Yield (version, path) of each other Python that runs, the newest first."""
    for version in VERSIONS:
        if sys.version_info[:2] == tuple(map(int, version.split("."))):
            continue
        home = os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python")
        for python in (f"python{version}", *glob.glob(home)):
            if (path := shutil.which(python)) and _runs(path, version):
                yield version, path
                break


def _runs(python: str, version: str) -> bool:
    """Tell whether a Python starts, is of this version, and can make environments."""
    words = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", words], capture_output=True, text=True)
    return ran.returncode == 0 and ran.stdout.strip() == version


def environment(python: str, folder: Path, package: Path) -> str:
    """Return the Python of an environment with what a package needs, not with itself.

    Args:
        python: that makes it.
        folder: of the environment; one that is there is taken as it is.
        package: the checkout or wheel that says what it needs.

    Raises:
        ValueError: these versions cannot be installed there; why.
    """
    own = folder / "bin" / "python"
    if (folder / "complete").exists():
        return str(own)
    shutil.rmtree(folder, ignore_errors=True)
    _do([python, "-m", "venv", str(folder)])
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in pinned()))
    _do([str(own), "-m", "pip", "install", "--quiet", "-c", str(pins), str(package)])
    # What is tried is the code that the row names, by its path.
    _do([str(own), "-m", "pip", "uninstall", "--quiet", "--yes", "jaxgrok"])
    (folder / "complete").touch()
    return str(own)


def pinned() -> list[tuple[str, str]]:
    """Return the packages of this Python and their versions."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    ours = ("jaxgrok", "pip", "setuptools")
    return sorted((n, v) for n, v in found.items() if n and n.lower() not in ours)


def _do(command: list[str]) -> None:
    """Run a command; ValueError with its last line if it fails."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60 * MINUTES
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command[0]}: not within {MINUTES} minutes") from None
    if ran.returncode:
        last = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
        raise ValueError(" ".join(last) or f"{command[0]} fails")
