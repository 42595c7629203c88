"""The machine: its cores, and what a result's last bits depend on.

>>> prepare()          # before jax is used
>>> bits()["device"]
"""

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from jaxgrok.host import memory
from jaxgrok.host.files import paths

CPU_DEVICES = "JAX_NUM_CPU_DEVICES"
MOST_CPU_DEVICES = 16
ARITHMETIC = 6
"""Counts the changes of the programs that change a result's last bits.

2: fusions and folded products. 3: only the record of step 0. 4: sums of looked-up rows,
in wide networks on CPUs. 5: training sets of pools of at most 512 examples are padded
to the whole pool; evaluations beyond p = 113 are computed in slices. 6: forms of their
own on GPUs and TPUs, which change the emulated precisions of CPUs too; float32 on CPUs
is what it was.
"""


_elsewhere: list[tuple[str, Mapping[str, str | int]]] = []
"""Platform and bits of the machines that compute, where this one does not."""


@contextlib.contextmanager
def elsewhere(
    platform: str = "", bits: Mapping[str, str | int] | None = None
) -> Iterator[None]:
    """Speak of the machines that compute, which are not this one.

    Args:
        platform: "cpu", "gpu" or "tpu"; "" where it is not known yet.
        bits: what decides the last bits of their results.
    """
    _elsewhere.append((platform, bits or {}))
    try:
        yield
    finally:
        _elsewhere.pop()


def prepare() -> None:
    """Set JAX's defaults; without effect once JAX has computed something.

    A CPU is presented as one device per core: small models gain little from threads
    inside an operation, and nearly a factor per core from blocks side by side. Compiled
    programs are cached in ~/.cache/jaxgrok. Environment variables that the user has set
    are left alone.
    """
    memory.spare_addresses()
    # JAX caches nothing that compiles within a second by default; most of this does.
    settings: dict[str, str | int] = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0}
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        # With NPROC=1, as for results that one core has computed, one device.
        settings[CPU_DEVICES] = min(cores(), _threads(), MOST_CPU_DEVICES)
    cache = _cache()
    if cache is not None:
        settings["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    for name, value in settings.items():
        if name not in os.environ:
            os.environ[name] = str(value)
            _tell_jax(name.lower(), value)


def _tell_jax(name: str, value: str | int) -> None:
    """Set an option of JAX, which reads variables only as it is imported."""
    if "jax" not in sys.modules:
        return
    import jax

    # The number of devices is fixed once one of them was used.
    with contextlib.suppress(RuntimeError):
        jax.config.update(name, value)


def idle_cores() -> str:
    """Return a line that says how to use all cores, "" where they are used."""
    import jax

    devices, wanted = jax.local_device_count(), int(os.environ.get(CPU_DEVICES, 0))
    if jax.default_backend() != "cpu" or devices >= wanted:
        return ""
    return (
        f"training on {devices} of {wanted} cores, because JAX was in use before; "
        "restart Python and call jaxgrok.prepare() first"
    )


def _cache() -> Path | None:
    """Return the folder of compiled programs; None where none can be made."""
    folder = os.environ.get("XDG_CACHE_HOME") or ""
    home = paths.home()
    # An XDG_CACHE_HOME that is relative does not count.
    if not Path(folder).is_absolute():
        if home is None:
            return None
        folder = str(home / ".cache")
    cache = Path(folder) / "jaxgrok"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that does not exist, or cannot be written
        return None
    return cache


def platform_of_jax() -> str:
    """Return what JAX computes on, here or where `elsewhere` says: cpu, gpu or tpu.

    Raises:
        ValueError: JAX finds no device of the kind that JAX_PLATFORMS asks for, or
            the machines that compute are not known yet.
    """
    if _elsewhere:
        platform, _ = _elsewhere[-1]
        if not platform:
            raise ValueError(
                "--workers=listen: what the workers are is not known yet, so name the "
                "scale, as in --grid wd_vs_frac:post"
            )
        return platform
    import jax

    try:
        return str(jax.default_backend())
    # An AssertionError of some versions, a RuntimeError of others.
    except Exception as error:
        wanted = os.environ.get("JAX_PLATFORMS", "")
        reason = f" ({' '.join(str(error).split())[:100]})" if str(error) else ""
        raise ValueError(
            f"JAX_PLATFORMS={wanted!r}: JAX finds no such device here{reason}; unset "
            "it, or set JAX_PLATFORMS=cpu"
        ) from None


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    # Batch systems bind a job to some of the cores. Only Linux can tell which.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def bits() -> dict[str, str | int]:
    """Return what changes a result's last bits; a run directory holds one kind only."""
    if _elsewhere:
        return dict(_elsewhere[-1][1])
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
        record["device"] = _cpu_name()
        record["cpu_threads"] = max(_threads(), jax.local_device_count())
    return record


def ways_to_equal(bits: Mapping[str, object]) -> list[str]:
    """Return what a user can set to compute with some of another run's `bits`.

    There is nothing for another processor, and for a run directory's `block_width` the
    flag of that field.
    """
    settings = {
        "jax": "pip install jax=={}",
        "jaxlib": "pip install jaxlib=={}",
        "cpu_threads": "NPROC={}",
        "block_width": "--grid.block_width={}",
    }
    return [settings[name].format(bits[name]) for name in bits if name in settings]


def _threads() -> int:
    """Return the number of threads that XLA uses on a CPU."""
    nproc = os.environ.get("NPROC") or "0"
    if not nproc.isdecimal():
        raise ValueError(f"NPROC={nproc!r} must be a whole number, or unset")
    return int(nproc) or cores()


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
