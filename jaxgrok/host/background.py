"""Threads that nobody has to wait for, as a compiler cannot be called off.

>>> program = start(compile_it)
>>> end_with(main(sys.argv))
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NoReturn, TypeVar

T = TypeVar("T")

_threads: set[threading.Thread] = set()
_abandoned = threading.Event()
"""Set where threads of a library are left behind."""


def start(job: Callable[[], T]) -> "Future[T]":
    """Do a job in a thread of its own; return what will hold its result or error."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = job()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            _threads.discard(threading.current_thread())

    thread = threading.Thread(target=run, name="jaxgrok-background", daemon=True)
    _threads.add(thread)
    thread.start()
    return future


def abandon_threads() -> None:
    """Have `end_with` wait for no thread: some of a library may wait for minutes."""
    _abandoned.set()


def end_with(code: int) -> NoReturn:
    """End the process with an exit code, whatever still runs in the background.

    Everything has to be on disk: where a job runs, nothing but the output is flushed.
    """
    # Python waits for threads as it ends, and a compiler's are not Python's.
    if not _threads and not _abandoned.is_set():
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
