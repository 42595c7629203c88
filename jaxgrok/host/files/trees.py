"""Write and read trees of arrays that are complete or absent, by orbax.

>>> write_tree(Path("checkpoints/17"), {"3f0a": array})
"""

import contextlib
import gc
import glob
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxgrok.host import background


def write_tree(path: Path, tree: Mapping[str, Any], *, compress: bool = True) -> None:
    """Write a tree of arrays as a new folder: all of it or, on failure, nothing.

    Args:
        path: the folder; its parent exists.
        tree: nested mappings that end in arrays, none of them empty.
        compress: whether to compress the arrays.

    Raises:
        OSError: the disk is full, or refuses otherwise.
    """
    from orbax.checkpoint import v1 as ocp

    context = ocp.Context()
    context.array.saving.use_compression = compress
    try:
        with context, _quiet(logging.ERROR), _without_brackets(path) as place:
            ocp.save(place, tree)
    except Exception as error:
        # The tasks behind the one that failed wait for what it was to give them.
        background.abandon_threads()
        # Half a tree may be large; without it, there is room for smaller files.
        for remainder in path.parent.glob(f"{path.name}*"):
            shutil.rmtree(remainder, ignore_errors=True)
        # The library below orbax has errors of its own, with the system's in words.
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None:
            raise
        number = int(code[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def read_tree(path: Path, template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read some arrays of a tree, and nothing else.

    What a damaged tree raises is orbax's choice.

    Args:
        path: its folder.
        template: the arrays to read: their names, shapes and dtypes.
    """
    from orbax.checkpoint import v1 as ocp

    context = ocp.Context()
    context.pytree.loading.partial_load = True
    place = _without_brackets(path.resolve())
    # Of a damaged tree it warns before it raises, a line for each missing file.
    with context, _quiet(logging.WARNING), place as folder:
        try:
            arrays: Mapping[str, Any] = ocp.load(folder, template)
        except Exception:
            # Tasks that failed beside the first say so, in pages, as they are dropped.
            gc.collect()
            raise
    return arrays


@contextlib.contextmanager
def _without_brackets(path: Path) -> Iterator[Path]:
    """Yield a path to the same place that orbax takes for no pattern of names."""
    if glob.escape(str(path)) == str(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "checkpoints"
        link.symlink_to(path.parent, target_is_directory=True)
        yield link / path.name


@contextlib.contextmanager
def _quiet(level: int) -> Iterator[None]:
    """Silence what orbax logs from a level on, and what its threads print of an error.

    The error is raised as well.
    """
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    hook = sys.unraisablehook

    def is_below(record: logging.LogRecord) -> bool:
        return record.levelno < level and record.name != "asyncio"

    def unless_late(unraisable: Any) -> None:
        # Of a writer that ends after the first error, and finds nobody to tell.
        if str(unraisable.exc_value) != "Event loop is closed":
            hook(unraisable)

    for logger in loggers:
        logger.addFilter(is_below)
    sys.unraisablehook = unless_late
    try:
        yield
        # Not after an error: nobody knows when the last writer ends.
        sys.unraisablehook = hook
    finally:
        for logger in loggers:
            logger.removeFilter(is_below)
