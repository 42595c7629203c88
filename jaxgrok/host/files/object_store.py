"""Access to the stores of objects, gs:// and s3://, by the packages of fsspec.

>>> with access("s3://mine/runs/x") as store:
...     store.ls("mine/runs/x")
"""

import asyncio
import contextlib
import errno
import functools
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from jaxgrok.host.packages import needed

PACKAGES = {"gs": "gcsfs", "s3": "s3fs", "memory": "fsspec"}
"""Scheme → the package that knows it. What is in memory:// goes with the process."""
EXTRAS = {"gs": "gcs", "s3": "s3", "memory": "s3"}
"""Scheme → the extra that brings the package."""
_WAYS_IN = {
    "gs": "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws, or the machine's role",
}
"""Scheme → how a store learns who asks."""


TRIES = 3
"""How often a change is tried that the store does not answer in time."""


class StoreError(OSError):
    """A store refuses, or is out of reach."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class _TooLate(Exception):
    """A change was not made while it surely was allowed."""


def change(
    url: str, check: Callable[[], float], method: str, *args: Any, **options: Any
) -> None:
    """Call a method of a store that writes or removes, while one may.

    Args:
        url: which store, and what for messages.
        check: raises an OSError where one may not; returns until when one surely may,
            by `time.monotonic`.
        method: "pipe_file" and the like.
        *args: its arguments.
        **options: likewise.

    Raises:
        OSError: as `access`, and what the check raises.
    """
    for _ in range(TRIES):
        until = check()
        with contextlib.suppress(_TooLate), access(url) as store:
            _call(store, method, args, options, until)
            return
    raise StoreError(errno.ETIMEDOUT, "it takes too long to answer", url)


def _call(
    store: Any, method: str, args: Any, options: dict[str, Any], until: float
) -> None:
    """Call a method of a store; _TooLate if a time has come and it is not done."""
    if not getattr(store, "async_impl", False) or until == math.inf:
        getattr(store, method)(*args, **options)
        return
    from fsspec.asyn import sync

    async def timely() -> None:
        # Here, not before: the process may have been frozen since it looked.
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise _TooLate
        try:
            # The packages try again and again, for minutes.
            task = getattr(store, f"_{method}")(*args, **options)
            await asyncio.wait_for(task, seconds)
        except TimeoutError as error:
            if time.monotonic() >= until:
                raise _TooLate from None
            # Of the package's own; `sync` would drop its words.
            raise StoreError(errno.EIO, str(error) or "no answer") from error

    sync(store.loop, timely)


@contextlib.contextmanager
def access(url: str) -> Iterator[Any]:
    """Yield the store of a URL; what it raises becomes an OSError of one line.

    Raises:
        ValueError: its package is not installed.
        FileNotFoundError: there is no such object.
        FileExistsError: there is one already, where none must be.
        StoreError: anything else.
    """
    scheme = url.partition("://")[0]
    needed(PACKAGES[scheme], extra=EXTRAS[scheme])
    try:
        yield _filesystem(scheme)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such object", url) from None
    except FileExistsError:
        reason = "there is such an object already"
        raise FileExistsError(errno.EEXIST, reason, url) from None
    except _TooLate:
        raise
    # The packages raise errors of their own and of those below them.
    except Exception as error:
        text = (isinstance(error, OSError) and error.strerror) or str(error)
        reason = " ".join(text.split()) or type(error).__name__
        if not _is_refusal(error):
            raise StoreError(errno.EIO, reason, url) from error
        if scheme in _WAYS_IN:
            reason += f" (a store learns who asks by {_WAYS_IN[scheme]})"
        raise StoreError(errno.EACCES, reason, url) from error


@functools.cache
def _filesystem(scheme: str) -> Any:
    """Return fsspec's access to all buckets of a scheme."""
    import fsspec

    # Some log pages of what they also raise.
    logging.getLogger(PACKAGES[scheme]).setLevel(logging.CRITICAL)
    # Lists that it remembered would hide what other machines write.
    return fsspec.filesystem(scheme, use_listings_cache=False)


def _is_refusal(error: Exception) -> bool:
    """Tell whether an error is about rights."""
    if isinstance(error, PermissionError) or "redentials" in type(error).__name__:
        return True
    return str(getattr(error, "code", "")) in ("401", "403")
