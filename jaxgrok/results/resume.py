"""The rolling resume state of a run: what is in memory alone while cells train.

>>> save(run_dir / "resume", {"step": 300}, {"leaves": arrays})
>>> meta, arrays = load(run_dir / "resume")
"""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def save(folder: Path, meta: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Replace the state that a folder holds.

    The old state is removed once the new one is whole, so that a process that is
    killed in between leaves one that can be read.

    Args:
        folder: holds nothing else; made if it is missing.
        meta: what JSON can hold.
        arrays: a tree of arrays, none of them empty.
    """
    from orbax.checkpoint import v1 as ocp

    folder.mkdir(exist_ok=True)
    old = list(folder.iterdir())
    # Names grow even where the clock goes back: the newest has the largest.
    number = max([time.time_ns(), *(n + 1 for n in _numbers(folder))])
    head = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    ocp.save(folder / str(number), {"meta": head, "arrays": arrays})
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the newest state that can be read as (meta, arrays), or None."""
    from orbax.checkpoint import v1 as ocp

    for number in sorted(_numbers(folder), reverse=True):
        try:
            tree = ocp.load(folder / str(number))
            return json.loads(bytes(np.asarray(tree["meta"]))), tree["arrays"]
        except (OSError, ValueError, KeyError):
            continue  # cut off while it was written; an older one may be whole
    return None


def drop(folder: Path) -> None:
    """Remove the state: every cell is finished."""
    shutil.rmtree(folder, ignore_errors=True)


def _numbers(folder: Path) -> list[int]:
    """Return the names of the states in a folder, unfinished ones left out."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [int(name) for name in names if name.isdigit()]
