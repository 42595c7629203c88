"""Engines that are compiled side by side and timed in turn.

>>> compiled = compile_all(builders, job)
>>> times = in_turn(engines, rounds=5, job=job)
"""

import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax
import numpy as np

import step
from accelerator_sections.job import Job, one_line
from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.host import machine

SECONDS = 0.25
"""Of one measurement."""
MOST_THREADS = 6
Name = TypeVar("Name", bound=Hashable)


class Built(NamedTuple):
    """A full engine and the seconds it took to build, compilation included."""

    engine: Engine
    seconds: float


def compile_all(
    builders: Mapping[Name, Callable[[], Engine]], share: float, job: Job
) -> tuple[dict[Name, Built], dict[Name, str]]:
    """Build engines in threads, in this order, in a share of the time that is left.

    XLA compiles outside Python's lock. What is timed must not run beside a compiler
    that measures products on the same device, so all are built first.

    Returns:
        The engines, and in one line why each of the others is missing.
    """
    end = time.time() + share * job.left
    built: dict[Name, Built] = {}
    missing: dict[Name, str] = {}

    def build(builder: Callable[[], Engine]) -> Built:
        if time.time() > end:
            raise TimeoutError("no time left to compile it")
        start = time.perf_counter()
        engine = builder()
        if (engine.memory or 0) > sizing.room(jax.local_devices()[:1]):
            raise MemoryError(f"out of memory: it asks for {engine.memory} bytes")
        return Built(engine, time.perf_counter() - start)

    with ThreadPoolExecutor(min(machine.cores(), MOST_THREADS)) as pool:
        futures: dict[Name, Future[Built]] = {
            name: pool.submit(build, builder) for name, builder in builders.items()
        }
        for name, future in futures.items():
            try:
                built[name] = future.result()
            except Exception as error:
                missing[name] = one_line(error)
    return built, missing


def in_turn(
    engines: Mapping[Name, Engine], rounds: int, job: Job
) -> tuple[dict[Name, np.ndarray], dict[Name, str]]:
    """Time a lane-step of each engine in every round, while there is time.

    Returns:
        Seconds by engine [rounds], and in one line why each of the others has none.
    """
    steps: dict[Name, int] = {}
    missing: dict[Name, str] = {}
    for name, engine in engines.items():
        try:
            step.lane_step(engine, 2)
            seconds = step.lane_step(engine, 3) * engine.lanes
            steps[name] = int(np.clip(SECONDS / seconds, 2, 2000))
        except Exception as error:
            missing[name] = one_line(error)
    times: dict[Name, list[float]] = {name: [] for name in steps}
    for done in range(rounds):
        if done and job.left < 10 + 2 * SECONDS * len(steps):
            break
        for name, count in steps.items():
            times[name].append(step.lane_step(engines[name], count))
    return {name: np.array(values) for name, values in times.items()}, missing
