"""What is there: the device, its memory, and the versions of everything."""

import os
import shutil
import subprocess

import jax

from accelerator_sections.job import Job, one_line
from jaxgrok.engine.platform import Platform
from jaxgrok.host import machine, memory, source

QUERY = "name,driver_version,memory.total,power.limit,clocks.max.sm,compute_mode"
VARIABLES = ("XLA_", "JAX_", "CUDA_VISIBLE", "NPROC", "TF_")


def run(job: Job) -> None:
    """Tell the device, versions, flags and memory."""
    devices = jax.local_devices()
    platform = Platform.of(devices)
    job.say(
        platform=platform.name,
        device_kind=platform.device_kind,
        devices=platform.devices,
        bits=machine.bits(),
        versions=source.versions(),
        platform_version=one_line(devices[0].client.platform_version),
        commit=source.commit(),
        cores=machine.cores(),
        host_memory_gb=memory.total() / 1e9,
        environment={k: v for k, v in os.environ.items() if k.startswith(VARIABLES)},
    )
    stats = devices[0].memory_stats() or {}
    job.say(device_memory_gb=stats.get("bytes_limit", 0) / 1e9, driver=_driver())


def _driver() -> str:
    """Return what nvidia-smi says of the cards, "" where there is none."""
    if shutil.which("nvidia-smi") is None:
        return ""
    words = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        reply = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        return one_line(error)
    return one_line(reply.stdout or reply.stderr)
