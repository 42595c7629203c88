"""Write and read trees of arrays that are complete or absent, by orbax.

>>> write_tree(Path("resume/17"), {"leaves": {"0000": array}})
"""

import contextlib
import glob
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


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
        with context, _quiet_threads(), _without_brackets(path) as place:
            ocp.save(place, tree)
    except Exception as error:
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
    with context, _without_brackets(path.resolve()) as place:
        arrays: Mapping[str, Any] = ocp.load(place, template)
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
def _quiet_threads() -> Iterator[None]:
    """Silence what orbax's threads print of an error, which is raised as well."""
    logger, hook = logging.getLogger("absl"), sys.excepthook

    def below_error(record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR

    def unless_late(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        # Of a writer that ends after the first error, and finds nobody to tell.
        if str(error) != "Event loop is closed":
            hook(kind, error, trace)

    logger.addFilter(below_error)
    sys.excepthook = unless_late
    try:
        yield
        # Not after an error: nobody knows when the last writer ends.
        sys.excepthook = hook
    finally:
        logger.removeFilter(below_error)
