"""Grid files: Python files of the user, whose `get_config(scale)` describes a sweep.

A grid file may import the files beside it, and register tasks, models, optimisers,
losses and measures.

    >>> config, grid_file = load("sweeps/wd_vs_frac.py", "laptop")
"""

import contextlib
import dataclasses
import hashlib
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_collections

from jaxgrok.grid import shipped
from jaxgrok.host.files.paths import expanded, file_name
from jaxgrok.host.source import commit_of

LONGEST = 200
"""Characters of an error that comes out of a grid file."""
_FOLDERS: set[Path] = set()
"""Folders of the grid files that were loaded in this process."""


@dataclasses.dataclass(frozen=True)
class GridFile:
    """A grid file as a manifest records it.

    Attributes:
        path: where it was, absolute.
        text: what it said.
        sha256: hash of its bytes, hexadecimal.
        commit: that of the git repository it lies in, "" if in none; with a "+" where
            files of its folder differ.
    """

    path: str
    text: str
    sha256: str
    commit: str = ""

    @property
    def name(self) -> str:
        """Its file name without `.py`, after which run directories are named."""
        return Path(self.path).stem

    def run_directory(self, scale: str) -> str:
        """Return where its sweep goes at a scale, unless the user says."""
        return f"runs/{file_name(f'{self.name}-{scale}')}"


def load(file: str, scale: str | None) -> tuple[ml_collections.ConfigDict, GridFile]:
    """Load a grid file.

    Args:
        file: its path, or the name of a shipped one.
        scale: what `get_config` is called with; None for its own default.

    Returns:
        Its config, and the file as it was read.

    Raises:
        ValueError: one line that says where in the file what went wrong.
    """
    file = _located(expanded(file))
    grid_file = _read(file)
    arguments = [] if scale is None else [scale]

    def call() -> tuple[Any, Any]:
        get_config = _execute(file).get("get_config")
        return get_config, get_config(*arguments) if callable(get_config) else None

    get_config, config = _guarded(file, call)
    if not callable(get_config):
        raise ValueError(
            f"--grid {file} defines no get_config(scale); see jaxgrok grids"
        )
    if not isinstance(config, ml_collections.ConfigDict):
        raise ValueError(
            f"--grid {file}: get_config returned {config!r:.40}; return the config "
            "that jaxgrok.grid.base(scale) made"
        )
    return config, grid_file


def load_registrations(file: str) -> None:
    """Load a grid file for what it registers; its `get_config` is not called.

    A run directory never runs code by itself: commands that read one take `--grid FILE`
    and call this.

    Raises:
        ValueError: one line that says where in the file what went wrong.
    """
    file = _located(expanded(file))
    _checked(file)
    _guarded(file, lambda: _execute(file))


def _located(file: str) -> str:
    """Return the path of a grid file: the one named, or a shipped grid of that name."""
    is_shipped = not Path(file).is_file() and file in shipped.names()
    return str(shipped.path_of(file)) if is_shipped else file


def _checked(file: str) -> Path:
    """Return the absolute path of a grid file, which has to be there."""
    path = Path(file).resolve()
    if not path.is_file():
        hint = (
            f"; --grid {path.stem} is shipped" if path.stem in shipped.names() else ""
        )
        raise ValueError(f"--grid {file}: there is no such file{hint}")
    return path


def _read(file: str) -> GridFile:
    path = _checked(file)
    # Read before the file runs, so that the manifest holds what was executed.
    content = path.read_bytes()
    text = content.decode("utf-8", errors="replace")
    sha256 = hashlib.sha256(content).hexdigest()
    return GridFile(str(path), text, sha256, commit_of(path.parent))


def _guarded(file: str, call: Callable[[], Any]) -> Any:
    """Call user code, whose imports find the files beside it; errors are one line."""
    try:
        with _importable(Path(file).resolve().parent):
            return call()
    except Exception as error:  # anything can come out of a user's file
        raise ValueError(f"--grid {file}{_position(file, error)}") from None


def _execute(file: str) -> dict[str, Any]:
    """Run a file and return the names that it defines."""
    # Not as __main__, so what the file does as a script does not run.
    return runpy.run_path(file, run_name="grid")


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Put a folder first among those imported from; afterwards last.

    Functions of the file that import later still find its neighbours then, and nobody
    else gets one of them in place of a package of the same name.
    """
    folders = {str(other) for other in _FOLDERS - {folder}}
    for name, module in list(sys.modules.items()):
        origin = os.path.dirname(getattr(module, "__file__", None) or "/")
        # A neighbour of the same name, of another grid file in this process.
        if origin in folders and (folder / f"{name}.py").exists():
            del sys.modules[name]
    _FOLDERS.add(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _position(file: str, error: Exception) -> str:
    """Say where in a grid file an error comes from, and what it says."""
    # A syntax error has no frame of its own, and may lie in a file imported from here.
    if isinstance(error, SyntaxError) and error.lineno:
        other = "" if error.filename == file else f": {error.filename}"
        return f"{other}, line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    # The innermost frame of the user's own file, whatever library it called.
    lines = [frame.lineno for frame in frames if frame.filename == file]
    line = f", line {lines[-1]}" if lines else ""
    # A ValueError is written for the user and needs no name.
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    text = " ".join(str(error).split())
    return f"{line}: {kind}{text if len(text) <= LONGEST else text[:LONGEST] + '…'}"
