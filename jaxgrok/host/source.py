"""What code runs: versions, and the git commits of the package and of other folders.

Needs the standard library alone: the script that builds a wheel runs this file.

>>> versions()["jaxgrok"], commit()
('0.1.0', '80458fe0c1b4f0f5a4f1c3d8a4d52d4c7f0d1f5e')
"""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
COMMIT_FILE = "commit.txt"
"""In the package as a wheel holds it: the commit that the wheel was built from."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    names = ("flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")
    record = {"python": platform.python_version(), "jaxgrok": own_version()}
    for name in names:
        try:
            record[name] = version(name)
        except ImportError:
            record[name] = "not installed"
    return record


def own_version() -> str:
    """Return the package's own version, as its `__init__.py` says it."""
    # The metadata of an installation are missing in a checkout, and may be older in an
    # editable one. Importing the package from here would be an import upwards.
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return match[1] if match else "unknown"


def commit() -> str:
    """Return the git commit of the package, "" where it cannot be told.

    A wheel remembers the commit that it was built from. A "+" at the end says that the
    package's files differ from that commit.
    """
    # An installed copy may lie in somebody else's repository, even as part of it.
    try:
        is_ours = "name = jaxgrok\n" in (PACKAGE.parent / "setup.cfg").read_text(
            encoding="utf-8"
        )
        top = _git(PACKAGE, "rev-parse", "--show-toplevel")
    except (OSError, subprocess.SubprocessError):
        return _built_from()
    is_ours = is_ours and Path(top).resolve() == PACKAGE.parent
    return commit_of(PACKAGE) if is_ours else _built_from()


def commit_of(folder: Path) -> str:
    """Return the git commit of the repository that a folder lies in, "" if in none.

    A "+" at its end says that files of the folder differ from that commit.
    """
    try:
        name = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{name}+" if changes else name


def _built_from() -> str:
    """Return the commit that the installed wheel was built from, "" if not known."""
    file = PACKAGE / COMMIT_FILE
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _git(folder: Path, *words: str) -> str:
    """Return what a git command prints, run in a folder."""
    # These would name another repository, as they do inside of git's own hooks.
    hooks = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        env={name: v for name, v in os.environ.items() if name not in hooks},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout.strip()
