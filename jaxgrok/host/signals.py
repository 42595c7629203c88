"""Signals that ask a run to stop.

>>> with asked_to_stop() as stop:
...     while not stop.is_set(): ...
>>> sys.exit(stop.exit_code)
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C."""
AGAIN = 1.0
"""Seconds until AskedToStop is raised anew, where Python has dropped it."""
_SIGNALS = [
    getattr(signal, name)
    # Windows has no SIGHUP; its SIGBREAK is Ctrl-Break.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]


class AskedToStop(BaseException):
    """A signal came while something was done that may be broken off anywhere."""


class Stop(threading.Event):
    """Set once a signal has asked to stop.

    Attributes:
        exit_code: what the process is to end with, as shells count it: 128 + signal.
        breaks: whether the signal is to raise AskedToStop where it comes.
    """

    exit_code: int = INTERRUPTED
    breaks: bool = False

    def broken_off(self, job: Callable[[], T]) -> T:
        """Do a job that a signal may break off anywhere, as a kill may.

        Raises:
            AskedToStop: a signal asked to stop, before or meanwhile.
        """
        self.breaks = True
        try:
            if self.is_set():
                raise AskedToStop
            return job()
        finally:
            self.breaks = False


@contextmanager
def safe_imports() -> Iterator[None]:
    """Let Ctrl-C end the process at once while JAX is imported.

    jaxlib's extension modules crash where a KeyboardInterrupt is raised in them, and
    there is nothing to save yet. Later Ctrl-C raises one, as ever.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        spec = getattr(sys.modules.get("jax"), "__spec__", None)
        if getattr(spec, "_initializing", False):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        signal.default_int_handler(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) != signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Yield an event that SIGINT, SIGTERM or SIGHUP sets.

    A second signal acts as usual. One that is ignored when this begins stays ignored:
    SIGHUP under nohup, SIGINT in the background of a script.
    """
    stop = Stop()
    # Python runs signal handlers in the main thread, and sets them from there alone.
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers = {}
    repeats = ExitStack()
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        # None is a handler that is not Python's, and could not be put back.
        if handler not in (signal.SIG_IGN, None):
            handlers[number] = handler

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def set_event(number: int, _: object) -> None:
        # No work here: a handler may interrupt a write half done.
        stop.exit_code = 128 + number
        stop.set()
        restore()
        if stop.breaks:
            repeats.enter_context(_repeated(stop))
            raise AskedToStop

    for number in handlers:
        signal.signal(number, set_event)
    try:
        yield stop
    finally:
        repeats.close()
        restore()


@contextmanager
def _repeated(stop: Stop) -> Iterator[None]:
    """Raise AskedToStop anew every second for as long as the job goes on.

    Python drops what is raised in a callback of its garbage collector (JAX has one) or
    in a finaliser.
    """
    # Windows has no such timer, and a handler that is not Python's stays.
    if not hasattr(signal, "setitimer") or signal.getsignal(signal.SIGALRM) is None:
        yield
        return

    def raise_anew(_: int, __: object) -> None:
        if stop.breaks:
            raise AskedToStop

    before = signal.signal(signal.SIGALRM, raise_anew)
    signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
