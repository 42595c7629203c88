"""Sweeps whose workers and coordinators are killed at random moments."""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from fleet_scenes.processes import PATIENCE, Hang, Process, Stage

LONGEST_PAUSE = 4.0
"""Seconds between two kills, at most."""


@dataclass
class Storm:
    """What is to happen in one sweep, at random moments.

    Attributes:
        workers: kills of a worker.
        coordinators: kills of the coordinator.
        others: signals to workers, from which the sweep recovers as well.
        made: what has happened.
    """

    workers: int
    coordinators: int
    others: tuple[str, ...] = ()
    made: Counter[str] = field(default_factory=Counter)

    def events(self, chance: random.Random) -> list[str]:
        """Return all events, in random order."""
        events = ["worker"] * self.workers + ["coordinator"] * self.coordinators
        events += self.others
        chance.shuffle(events)
        return events


def blow(stage: Stage, storm: Storm, chance: random.Random, *more: str) -> None:
    """Sweep with workers elsewhere while it storms, then to the end."""
    coordinator = stage.coordinate("listen:127.0.0.1", *more)
    workers = [stage.work() for _ in range(chance.randint(1, 3))]
    for event in storm.events(chance):
        pause = chance.uniform(0, LONGEST_PAUSE)
        end = time.monotonic() + pause
        while coordinator.code is None and time.monotonic() < end:
            time.sleep(0.02)
        if coordinator.code == 0:
            break
        if coordinator.code is not None:
            raise Hang(f"{coordinator.log} ended: {coordinator.last}")
        storm.made[event] += 1
        if event == "coordinator":
            coordinator.end()
            coordinator = stage.coordinate("listen:127.0.0.1", *more)
            _resize(stage, workers, chance)
        else:
            _strike(stage, workers, event, chance)
    if coordinator.wait() != 0:
        raise Hang(f"{coordinator.log}: {coordinator.last}")
    for process in stage.processes:
        process.send(signal.SIGCONT)
        process.wait(90)


def _strike(
    stage: Stage, workers: list[Process], event: str, chance: random.Random
) -> None:
    """Let something happen to one worker; another takes its place."""
    victim = workers.pop(chance.randrange(len(workers)))
    if event == "worker":
        victim.end()
    elif event == "term":
        victim.send(signal.SIGTERM)
    else:
        victim.send(signal.SIGSTOP)
        workers.append(victim)  # goes on as the sweep ends
    if event != "stop" or len(workers) < 2:
        workers.append(stage.work())


def _resize(stage: Stage, workers: list[Process], chance: random.Random) -> None:
    """Have another number of workers."""
    size = chance.choice([n for n in (1, 2, 3) if n != len(workers)])
    while len(workers) > size:
        workers.pop(chance.randrange(len(workers))).end()
    while len(workers) < size:
        workers.append(stage.work())


def kill_children(stage: Stage, storm: Storm, chance: random.Random) -> None:
    """Sweep with --workers 2, whose processes are killed at random moments.

    Where the coordinator is killed, they end by themselves, and it goes on with one.
    """
    coordinator = stage.coordinate("2")
    for event in storm.events(chance):
        end = time.monotonic() + chance.uniform(1, LONGEST_PAUSE + 2)
        while coordinator.code is None and time.monotonic() < end:
            time.sleep(0.02)
        children = coordinator.children()
        if coordinator.code is not None or not stage.is_met:
            continue
        storm.made[event] += 1
        if event == "coordinator":
            coordinator.end()
            stage.wait_for(lambda: not stage.running())
            coordinator = stage.coordinate("1")
        elif children:
            stage.kill(chance.choice(children))
    if coordinator.wait(PATIENCE) != 0:
        raise Hang(f"{coordinator.log}: {coordinator.last}")
