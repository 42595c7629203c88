"""The machine and its versions: memory, cores, and what a result's last bits depend on.

>>> prepare()          # before jax is imported
>>> bits()["device"]
"""

import os
import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

MOST_CPU_DEVICES = 16
UNKNOWN_MEMORY = 8 * 2**30
"""Bytes of a machine that does not tell."""
ARITHMETIC = 5
"""Counts the changes of the programs that change a result's last bits.

2: fusions and folded products. 3: only the record of step 0. 4: sums of looked-up rows,
in wide networks on CPUs. 5: training sets of pools of at most 512 examples are padded
to the whole pool; evaluations beyond p = 113 are computed in slices.
"""


def prepare() -> None:
    """Set JAX's defaults for a command line or a notebook; call before importing jax.

    A CPU is presented as one device per core: small models gain little from threads
    inside an operation, and nearly a factor per core from blocks side by side. Compiled
    programs are cached in ~/.cache/jaxgrok. Environment variables that the user has set
    are left alone.
    """
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        os.environ.setdefault(
            "JAX_NUM_CPU_DEVICES", str(min(cores(), MOST_CPU_DEVICES))
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxgrok"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    # JAX caches nothing that compiles within a second by default; most of this does.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    # Batch systems bind a job to some of the cores. Only Linux can tell which.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(root: Path = Path("/")) -> int:
    """Return the bytes of main memory that this process may use.

    Args:
        root: the folder that holds proc/ and sys/.

    Returns:
        The machine's memory, or the limit of the process's control group where that is
        lower: batch systems and containers set one. UNKNOWN_MEMORY where neither can
        be told, as on Windows.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        machine = UNKNOWN_MEMORY
    return min([machine, *_group_limits(root)])


def bits() -> dict[str, str | int]:
    """Return what changes a result's last bits; a run directory holds one kind only."""
    # Not at the top of the file: `prepare` comes before jax is imported.
    import jax

    device = jax.local_devices()[0]
    record: dict[str, str | int] = {
        "jax": version("jax"),
        "jaxlib": version("jaxlib"),
        "device": device.device_kind,
        "arithmetic": ARITHMETIC,
    }
    if device.platform == "cpu":
        # XLA's thread pool: it divides the sums of a matmul by its number of threads.
        threads = int(os.environ.get("NPROC", 0)) or cores()
        record["device"] = _cpu_name()
        record["cpu_threads"] = max(threads, jax.local_device_count())
    return record


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter."""
    names = ("jaxgrok", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")
    record = {"python": platform.python_version()}
    for name in names:
        try:
            record[name] = version(name)
        except ImportError:  # run from a checkout that is not installed
            record[name] = "not installed"
    return record


def commit() -> str:
    """Return the git commit of the package's checkout, "" for an installed package.

    A "+" at its end says that the package's files differ from that commit.
    """
    try:
        # An installed copy may lie in somebody else's repository, untracked.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        name, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "..")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{name}+" if changes else name


def _git(*words: str) -> str:
    """Return what a git command prints, run in this file's folder."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()


def _group_limits(root: Path) -> Iterator[int]:
    """Yield the memory limits of the process's control groups and their parents."""
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
                yield int(text)
            if group == top:
                break


def _cpu_name() -> str:
    """Return the CPU's name, family and model: what decides its instruction set."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().decode(errors="replace").splitlines()
    except OSError:
        return _cpu_name_elsewhere()
    entries: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon:
            entries[key.strip()] = value.strip()
    if "CPU part" in entries:  # ARM, whose entries have other names
        maker, part = entries.get("CPU implementer", "?"), entries["CPU part"]
        return f"{platform.machine()} (implementer {maker} part {part})"
    name = entries.get("model name", "?")
    family, model = entries.get("cpu family", "?"), entries.get("model", "?")
    return f"{name} (family {family} model {model})"


def _cpu_name_elsewhere() -> str:
    """Return the CPU's name where there is no /proc: macOS and Windows."""
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=True)
        return name.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return platform.processor() or platform.machine()
