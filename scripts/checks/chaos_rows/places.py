"""The places of a run that a row can wait for, inside the process that gets there.

>>> watch(lambda place, last=None: print(place), random.Random(0))
"""

import functools
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class At(Protocol):
    """Called at a place, in the thread that is there.

    What is to be done where the process goes no further may come with it.
    """

    def __call__(self, place: str, last: Callable[[], object] | None = None) -> None:
        """Say the name of the place."""
        ...


KINDS = {
    "curves": "results",
    "resume": "a save",
    "checkpoints": "a snapshot",
    "final_states": "a last lane",
    "plots": "a picture",
    ".csv": "a table",
    "manifest.json": "the manifest",
    "report.html": "the page",
}
"""Part of a path → what lies there."""
ENGINE = ("compiling", "first evaluation", "refill", "chunk", "evaluation")
FILES = tuple(
    f"{moment} {kind}"
    for kind in ("results", "a save", "a snapshot", "the manifest", "a table")
    for moment in ("inside the write of", "before the rename of", "after the rename of")
)
ENDING = ("tidying up", "last redraw", "a picture of it", "its page", "analysis")
STARTING = "starting Python"
PLACES = ("opening", *ENGINE, "inside a snapshot's tree", *FILES, *ENDING)


def moment(place: str) -> str:
    """Say in a few words where in a run a place is."""
    if place in (STARTING, "opening"):
        return "start-up"
    if place in ENDING and place != "analysis":
        return "last redraw"
    if place == "first evaluation":
        return "evaluation"
    if place.startswith("before the rename"):
        return "between write and rename"
    if place.startswith("after the rename"):
        return "behind a rename"
    if "snapshot" in place:
        return "inside a snapshot's write"
    return "inside another write" if place.startswith("inside") else place


def watch(at: At, chance: random.Random) -> None:
    """Say where this process is, from now on.

    Args:
        at: called at each place.
        chance: of how much of a file is there inside its write.
    """
    _watch_files(at, chance)
    _watch_engine(at)
    _watch_archive(at)


def _before(owner: Any, name: str, tell: Callable[..., None]) -> None:
    """Call something with the arguments of a function, before each call of it."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def told(*args: Any, **options: Any) -> Any:
        tell(*args)
        return function(*args, **options)

    setattr(owner, name, told)


def _after(owner: Any, name: str, tell: Callable[..., None]) -> None:
    """Call something with the arguments of a function, after each call of it."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def told(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        tell(*args)
        return result

    setattr(owner, name, told)


def _watch_engine(at: At) -> None:
    import jax

    from jaxgrok.engine.device import Blocks
    from jaxgrok.engine.engine import Engine

    _before(jax.stages.Lowered, "compile", lambda *_: at("compiling"))
    _before(
        Engine,
        "admit",
        lambda engine, _: at("refill" if engine.cells else "first evaluation"),
    )
    # Behind the dispatch: the device is at work.
    _after(Blocks, "advance", lambda *_: at("chunk"))
    _after(Blocks, "record", lambda *_: at("evaluation"))


def _watch_archive(at: At) -> None:
    from jaxgrok.analyse import induction_heads, survey
    from jaxgrok.report import page
    from jaxgrok.results.files import snapshot_files
    from jaxgrok.sweep import figures
    from jaxgrok.sweep.archive import Archive

    _before(Archive, "__init__", lambda *_: at("opening"))
    _before(Archive, "finish", lambda *_: at("tidying up"))
    _before(snapshot_files, "write_tree", lambda *_: at("inside a snapshot's tree"))
    _before(figures, "redraw", lambda *_: at("last redraw"))
    _before(figures, "save", lambda *_: at("a picture of it"))
    _before(page, "write", lambda *_: at("its page"))
    _before(induction_heads, "reads", lambda *_: at("analysis"))
    _before(survey, "survey", lambda *_: at("analysis"))


def _watch_files(at: At, chance: random.Random) -> None:
    """Watch the system calls that make a file count."""
    fsync, replace = os.fsync, os.replace

    def watched_fsync(fd: Any) -> None:
        number = fd if isinstance(fd, int) else fd.fileno()
        state = os.fstat(number)
        if stat.S_ISREG(state.st_mode):
            kind = _kind(os.readlink(f"/proc/self/fd/{number}"))
            # As if the process had come no further than a part of the file.
            rest = chance.randrange(state.st_size + 1)
            at(f"inside the write of {kind}", lambda: os.ftruncate(number, rest))
        fsync(fd)

    def watched_replace(source: Any, target: Any, **options: Any) -> None:
        kind = _kind(os.fspath(target))
        at(f"before the rename of {kind}")
        replace(source, target, **options)
        at(f"after the rename of {kind}")

    os.fsync, os.replace = watched_fsync, watched_replace


def _kind(path: str) -> str:
    """Say what lies at a path."""
    *folders, name = Path(path).parts
    for part, kind in KINDS.items():
        if part in folders or part in name:
            return kind
    return "another file"
