"""What may happen to a file of a run: six ways to damage it, and to undo that."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

KINDS = ("delete", "truncate", "swap", "flip", "stale", "zero")
DESCRIPTIONS = "descriptions of snapshots"


def files_of(run_dir: Path) -> list[Path]:
    """Return the files that count: figures and pages are drawn anew."""
    files = (file for file in sorted(run_dir.rglob("*")) if file.is_file())
    return [
        file
        for file in files
        if file.suffix not in (".png", ".html") and not file.name.startswith(".lock")
    ]


def by_kind(run_dir: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Return files by what they are: of some kinds a run has one, of others dozens."""
    kinds: dict[str, list[Path]] = {}
    for file in files:
        name, *below = file.relative_to(run_dir).parts
        if name == "checkpoints":
            is_description = len(below) == 1 and file.suffix == ".json"
            name = DESCRIPTIONS if is_description else "arrays of snapshots"
        kinds.setdefault(name, []).append(file)
    return kinds


def mutated(
    kind: str, file: Path, files: list[Path], older: Path | None, draw: random.Random
) -> dict[Path, bytes | None]:
    """Return the new contents of the files that a mutation changes; None for gone.

    Args:
        kind: one of KINDS.
        file: what is damaged.
        files: all files of the run, of which another one may take its place.
        older: the file as it was earlier in the same run; None where it was not.
        draw: decides where.
    """
    content = file.read_bytes()
    if kind == "truncate":
        return {file: content[: draw.randrange(len(content) or 1)]}
    if kind == "delete":
        return {file: None}
    if kind == "flip" and content:
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        return {file: bytes(changed)}
    if kind == "zero":
        start = draw.randrange(len(content) or 1)
        end = draw.randint(start, min(len(content), start + 4096))
        return {file: content[:start] + bytes(end - start) + content[end:]}
    if kind == "stale" and older is not None:
        return {file: older.read_bytes()}
    # Rather one of its own kind, whose format is the same.
    others = [f for f in files if f.suffix == file.suffix and f != file] or files
    other = draw.choice(others)
    return {file: other.read_bytes(), other: content}


@contextlib.contextmanager
def applied(changes: dict[Path, bytes | None]) -> Iterator[None]:
    """Change files, and change them back."""
    before = {file: file.read_bytes() for file in changes}
    try:
        for file, content in changes.items():
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
        yield
    finally:
        for file, content in before.items():
            file.write_bytes(content)
