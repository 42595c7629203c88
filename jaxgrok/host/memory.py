"""The main memory that this process may use, how much of it is free, and its end.

>>> total(), available()
(25769803776, 21474836480)
>>> ran_out(MemoryError())
True
"""

import ctypes
import errno
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxgrok.host.error_text import first_line

UNKNOWN = 8 * 2**30
"""Bytes of a machine that does not tell."""
ARENA_MAX = -8
"""Number of the option of `mallopt` for how many heaps there are."""
SIGNS = (
    "resource_exhausted",
    "out of memory",
    "bad_alloc",
    "cannot allocate memory",
    "unable to allocate",
    "failed to map segment",
    "can't start new thread",
    "resource temporarily unavailable",
)
"""What Python, XLA and the system's loader say where memory ran out, or room for the
stack of a thread."""


def total(root: Path = Path("/")) -> int:
    """Return the bytes of main memory that this process may use.

    Args:
        root: the folder that holds proc/ and sys/.

    Returns:
        The machine's memory, or the limit of the process or of its control group where
        that is lower: batch systems and containers set one. UNKNOWN where none of them
        can be told, as on Windows.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        machine = UNKNOWN
    limits = [limit for _, limit in _groups(root)]
    return min([machine, *limits, *_address_space()])


def available(root: Path = Path("/")) -> int:
    """Return the bytes of `total` that nobody uses; all of them where nobody knows."""
    free = [total(root)]
    if machine := _entry(root / "proc/meminfo", "MemAvailable:"):
        free.append(1024 * machine)
    for group, limit in _groups(root):
        is_first = (group / "memory.usage_in_bytes").exists()
        used = group / ("memory.usage_in_bytes" if is_first else "memory.current")
        if used.exists():
            # What it has read of files the system drops where memory is short.
            name = "total_inactive_file" if is_first else "inactive_file"
            cached = _entry(group / "memory.stat", name)
            free.append(limit - int(used.read_bytes()) + cached)
    pages = root / "proc/self/statm"
    if pages.exists():
        taken = int(pages.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        free += [limit - taken for limit in _address_space()]
    return max(min(free), 0)


def wait_for(n_bytes: float, seconds: float = 1.0) -> None:
    """Wait until so many bytes are available, or for some seconds at most."""
    end = time.monotonic() + seconds
    while available() < n_bytes and time.monotonic() < end:
        time.sleep(0.002)


def trim() -> None:
    """Return freed memory to the system, where the C library keeps it (glibc).

    Threads that compute and write have heaps of their own, each of which stays as large
    as it ever was: 140 MB in a sweep of 10,000 cells.
    """
    if trimmer := _glibc("malloc_trim"):
        trimmer(0)


def spare_addresses() -> None:
    """Let threads share one heap where addresses are limited (ulimit -v).

    In glibc each of them would reserve 64 MB of addresses, used or not.
    """
    if _address_space() and (set_option := _glibc("mallopt")):
        set_option(ARENA_MAX, 1)


@functools.cache
def _glibc(name: str) -> Callable[..., int] | None:
    """Return a function of the C library, None where it has none of this name."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)


def ran_out(error: BaseException) -> bool:
    """Tell whether memory ran out, by the error that came of it."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, RuntimeError | SystemError | ImportError):
        return isinstance(error, MemoryError)
    text = str(error).lower()
    return any(sign in text for sign in SIGNS)


def in_words(error: BaseException) -> str:
    """Say in one line that memory ran out, and what can be done.

    Args:
        error: one of which `ran_out` is true.
    """
    line = first_line(error)
    return f"memory ran out ({line}); free some, or raise the limit (ulimit -v, -u)"


def _address_space() -> list[int]:
    """Return the limit of a process's addresses (ulimit -v), if there is one."""
    if sys.platform == "win32":
        return []
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if limit == resource.RLIM_INFINITY else [limit]


def _groups(root: Path) -> Iterator[tuple[Path, int]]:
    """Yield the process's control groups that limit memory, and their limits."""
    groups = root / "proc/self/cgroup"
    if not groups.exists():
        return
    for line in groups.read_bytes().decode().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        # Version 2 has one hierarchy without controllers, version 1 one for each.
        top = root / "sys/fs/cgroup" / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            limit = group / name
            # Version 2 writes "max" where there is no limit.
            if limit.exists() and (text := limit.read_bytes().strip()).isdigit():
                yield group, int(text)
            if group == top:
                break


def _entry(file: Path, name: str) -> int:
    """Return the number behind a name in a file of the system's; 0 without one."""
    if file.exists():
        for line in file.read_bytes().decode().splitlines():
            if line.startswith(f"{name} ") or line.startswith(f"{name}\t"):
                return int(line.split()[1])
    return 0
