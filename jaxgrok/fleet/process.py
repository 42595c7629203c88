"""A worker process: finds a coordinator, works for it, and looks for the next one.

>>> exit_code = work("runs/mine", wait=5, patience=600)
"""

import asyncio
import contextlib
import itertools
import os
import platform
import re
import sys
import time

from jaxgrok.fleet import rendezvous
from jaxgrok.fleet.node import Node, Outcome
from jaxgrok.fleet.run_end import RunEnd
from jaxgrok.host.command_line import FAILED
from jaxgrok.host.durations import duration
from jaxgrok.host.files.paths import AnyPath, as_path

LOOK_SECONDS = 0.5
"""Between two looks for coordinator.json."""
LEFT = 143
"""Exit code after a signal: as of SIGTERM."""


def work(
    run_dir: str, *, wait: float, patience: float, secret: str = "", name: str = ""
) -> int:
    """Work for the coordinator of a run directory until the sweep ends.

    Args:
        run_dir: where coordinator.json is.
        wait: seconds to wait for it, and for an answer.
        patience: seconds to wait for another coordinator, where one was lost.
        secret: of the coordinator, where it has one.
        name: of this worker.

    Returns:
        The exit code.

    Raises:
        ValueError: there is no coordinator, it cannot be trusted, or it refuses this
            machine.
    """
    folder = as_path(run_dir).resolve()
    base = re.sub(r"[^\w.]+", "-", name or f"{platform.node()}-{os.getpid()}")
    seconds = wait
    end: RunEnd | None = None
    for number in itertools.count():
        # Dask may still know the name of a connection that was lost.
        own = f"{base}-{number}" if number else base
        node = _connected(folder, secret, own, time.monotonic() + seconds, end)
        if node is None:
            break
        if node.outcome is Outcome.REFUSED:
            raise ValueError(f"{run_dir}: {own} is refused: {node.cause}")
        if node.outcome is not Outcome.LOST:
            return 0 if node.outcome is Outcome.DONE else LEFT
        seconds = patience
        end = RunEnd(folder)
        if not end.has_come():
            _say(
                f"{own}: the coordinator is lost, all cells are saved; waiting "
                f"{duration(seconds)} for another one"
            )
    if end is None:
        raise ValueError(
            f"{run_dir}: no coordinator answers; start one with jaxgrok sweep ... "
            f"--out {run_dir} --workers listen, or wait longer with --wait SECONDS"
        )
    is_over = end.has_come()
    _say(f"{base}: {'the sweep has ended' if is_over else 'no other coordinator came'}")
    return 0 if is_over else FAILED


def _connected(
    folder: AnyPath, secret: str, name: str, deadline: float, end: RunEnd | None
) -> Node | None:
    """Find a coordinator and work for it; None if none answers until the deadline."""
    while not (end and end.has_come()):
        with contextlib.suppress(OSError, TimeoutError):
            node = Node(rendezvous.read(folder, secret), folder, name)
            asyncio.run(node.serve())
            return node
        if time.monotonic() >= deadline:
            break
        time.sleep(LOOK_SECONDS)
    return None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
