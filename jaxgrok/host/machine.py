"""The machine and the versions: what bits depend on besides the cell, and memory.

>>> prepare()          # before jax is imported
>>> bits()["device"]
"""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

MOST_CPU_DEVICES = 16
ARITHMETIC = 4
"""Counts changes of the programs that change a result's last bits.

2: fusions and folded products. 3: the record of step 0, no other. 4: sums of looked-up
rows, in wide networks on CPUs.
"""


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0))


def memory(root: Path = Path("/")) -> int:
    """Bytes of main memory for this process: the machine's, or what its cgroup allows.

    Batch systems and containers limit the latter; `root` is where /proc and /sys are.
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    groups = root / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        folder = top / path.lstrip("/")
        for each in (folder, *folder.parents):
            limit = each / name
            if limit.exists() and (text := limit.read_text().strip()).isdigit():
                found.append(int(text))
            if each == top:
                break
    return min(found)


def prepare() -> None:
    """Set JAX's defaults for a command line, through variables the user can override.

    A CPU is presented as one device a core: small models gain little from threads
    inside an operation, and nearly a factor per core from blocks side by side. Compiled
    programs are kept under ~/.cache/jaxgrok. Call it before jax is imported.
    """
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        os.environ.setdefault(
            "JAX_NUM_CPU_DEVICES", str(min(cores(), MOST_CPU_DEVICES))
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxgrok"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def bits() -> dict[str, Any]:
    """What changes a result in its last bits; a run directory holds one kind only."""
    import jax

    device = jax.local_devices()[0]
    found: dict[str, Any] = {
        "jax": version("jax"),
        "jaxlib": version("jaxlib"),
        "device": device.device_kind,
        "arithmetic": ARITHMETIC,
    }
    if device.platform == "cpu":
        # XLA's thread pool: it divides the sums of a matmul by its number of threads.
        threads = int(os.environ.get("NPROC", 0)) or cores()
        found["device"] = _cpu_name()
        found["cpu_threads"] = max(threads, jax.local_device_count())
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter, for the record."""
    names = ("jaxgrok", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except ImportError:  # run from a checkout that is not installed
            found[name] = "not installed"
    return found


def commit() -> str:
    """The git commit of the package's checkout, '+' if changed; '' when installed."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        here, changed = git("rev-parse", "HEAD"), git("status", "--porcelain", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    return here + ("+" if changed else "")


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    keys = ("model name", "cpu family", "model")
    found = {k.strip(): v.strip() for k, v in facts.items()}
    name, family, model = (found.get(key, "?") for key in keys)
    return f"{name} (family {family} model {model})"
