"""Output that never ends a run: what cannot be written is dropped.

>>> stream = lenient(sys.stderr)
>>> with lenient_output(): ...
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO, cast


def lenient(stream: TextIO) -> TextIO:
    """Return a stream that writes to another one, and drops what that refuses."""
    return cast(TextIO, _Lenient(stream))


@contextlib.contextmanager
def lenient_output() -> Iterator[None]:
    """Drop output to a stdout or stderr that is closed, full or no longer read."""
    output, errors = _Lenient(_usable(sys.stdout)), _Lenient(_usable(sys.stderr))
    with (
        contextlib.redirect_stdout(cast(TextIO, output)),
        contextlib.redirect_stderr(cast(TextIO, errors)),
    ):
        try:
            yield
        finally:
            output.close()
            errors.close()


class _Lenient:
    """A text stream that drops what it cannot write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        # A pipe without a reader, a full disk, a terminal that is gone, a closed file.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def close(self) -> None:
        """Write what is buffered; what is refused must not come up again."""
        try:
            self._stream.flush()
        except OSError:
            # Left to the interpreter's exit, it would print a traceback.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except ValueError:
            pass  # closed already


def _usable(stream: TextIO | None) -> TextIO:
    """Return a stream that takes every character; /dev/null where there is none."""
    if stream is None:
        # `>&-` closed it. /dev/null keeps its number, which the next file would get.
        null = os.open(os.devnull, os.O_WRONLY)
        return open(null, "w", encoding="utf-8", closefd=False)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # of a terminal without Unicode
    return stream
