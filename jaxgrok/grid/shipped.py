"""The grid files that come with the package, each a lab entry.

>>> path_of("wd_vs_frac").name
'wd_vs_frac.py'
>>> print(listing())
"""

import ast
import dataclasses
import re
from pathlib import Path

from jaxgrok.host.command_line import did_you_mean

_PACKAGE = Path(__file__).parent.parent
# An installed package holds the folder; in a clone it lies beside the package.
_FOLDERS = (_PACKAGE / "sweeps", _PACKAGE.parent / "sweeps")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the docstring of a grid file says.

    Attributes:
        name: of the file, without `.py`.
        question: its first line.
        command: "sweep" or "crossover".
        time: how long it took at laptop scale, "" if it does not say.
    """

    name: str
    question: str
    command: str
    time: str


def names() -> list[str]:
    """Return the names of the shipped grids, sorted."""
    return sorted(file.stem for file in _folder().glob("*.py"))


def path_of(name: str) -> Path:
    """Return the file of a shipped grid.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in names():
        guess = did_you_mean(name, names()).replace("see --help", "see jaxgrok grids")
        raise ValueError(f"grid {name} is unknown; {guess}")
    return _folder() / f"{name}.py"


def entry(name: str) -> Entry:
    """Read the docstring of a shipped grid; nothing is run."""
    source = path_of(name).read_text(encoding="utf-8")
    words = ast.get_docstring(ast.parse(source)) or ""
    time = re.search(r"2-core\s+CPU,\s+[\d-]+,\s+([^:.,]+)[:.,]", words)
    return Entry(
        name,
        question=words.partition("\n")[0],
        command="crossover" if "jaxgrok.crossover" in words else "sweep",
        time=" ".join(time[1].split()) if time else "",
    )


def listing() -> str:
    """Return every shipped grid with its question, its command and its time."""
    lines = []
    for one in map(entry, names()):
        time = f" ({one.time})" if one.time else ""
        lines.append(f"{one.name}: {one.question}")
        lines.append(f"  jaxgrok {one.command} --grid {one.name}{time}")
    return "\n".join(lines)


def copy(name: str, folder: Path) -> Path:
    """Write a shipped grid into a folder, to start from; return the file.

    Raises:
        ValueError: there is no such grid, or the file exists.
    """
    source, target = path_of(name), folder / f"{name}.py"
    try:
        with open(target, "xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        raise ValueError(
            f"{target} exists; remove it, or copy into another folder"
        ) from None
    return target


def _folder() -> Path:
    """Return the folder of the shipped grids."""
    for folder in _FOLDERS:
        if (folder / "wd_vs_frac.py").is_file():
            return folder
    raise ValueError("this installation has no shipped grids; name a file by its path")
