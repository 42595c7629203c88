"""A long run read in every way, and the seconds that each takes.

>>> forks.call("chaos_rows.haul_reading:read", str(run_dir))["seconds"]
"""

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def read(path: str) -> dict[str, Any]:
    """Open a run, draw its page, verify it.

    Returns:
        "seconds" of each, exit "codes" of commands, "counts" of cells by their status,
        "kept": trainings with snapshots, and "snaps": how many those have.
    """
    import jaxgrok
    from jaxgrok.__main__ import main

    seconds: dict[str, float] = {}

    def timed(name: str, job: Callable[[], T]) -> T:
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            value = job()
        seconds[name] = round(time.perf_counter() - start, 2)
        return value

    run = timed("open", lambda: jaxgrok.open(path))
    table = timed("cells", run.cells)
    timed("dataset", run.dataset)
    steps = timed("snapshots", run.snapshots.every)
    codes = {
        name: timed(name, lambda name=name: main(["jaxgrok", name, path]))
        for name in ("status", "report", "verify")
    }
    return {
        "seconds": seconds,
        "codes": codes,
        "counts": table.status.value_counts().to_dict(),
        "kept": len(steps),
        "snaps": sorted({len(found) for found in steps.values()}),
    }
