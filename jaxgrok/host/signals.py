"""Signals that ask a run to stop.

>>> with asked_to_stop() as stop:
...     while not stop.is_set(): ...
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """Yield an event that SIGINT or SIGTERM sets; a second signal acts as usual."""
    event = threading.Event()
    # Python runs signal handlers in the main thread, and sets them from there alone.
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def set_event(*_: object) -> None:
        # No work here: a handler may interrupt a write half done.
        event.set()
        restore()

    for number in handlers:
        signal.signal(number, set_event)
    try:
        yield event
    finally:
        restore()
