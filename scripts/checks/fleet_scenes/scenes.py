"""One thing that goes wrong, and what a sweep makes of it."""

import dataclasses
import functools
import os
import resource
import signal
import time

from fleet_scenes import network
from fleet_scenes.processes import Hang, Process, Stage, expect, ticks
from jaxgrok.fleet import rendezvous
from jaxgrok.fleet.rendezvous import Rendezvous


def asked_to_stop(stage: Stage) -> None:
    """A worker that gets SIGTERM hands its cells over."""
    coordinator, first = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    second = stage.work()
    first.send(signal.SIGTERM)
    expect(first, 143)
    expect(coordinator, 0, seconds=240)
    expect(second, 0)


def frozen(stage: Stage) -> None:
    """A worker sleeps past the silence that is allowed, and wakes."""
    coordinator, first = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    second = stage.work()
    first.send(signal.SIGSTOP)
    stage.wait_for(lambda: " is gone" in coordinator.words)
    first.send(signal.SIGCONT)
    expect(coordinator, 0, seconds=240)
    expect(second, 0)
    first.wait(90)


def frozen_to_the_end(stage: Stage) -> None:
    """A worker sleeps until the sweep has ended without it: it writes nothing more."""
    coordinator, first = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    first.send(signal.SIGSTOP)
    second = stage.work()
    expect(coordinator, 0, seconds=240)
    expect(second, 0)
    first.send(signal.SIGCONT)
    expect(first, 0, "the sweep has ended", seconds=150)


def late(stage: Stage) -> None:
    """A worker joins in the last second."""
    coordinator, first = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "14/16" in coordinator.words, 240)
    second = stage.work()
    expect(coordinator, 0, seconds=240)
    expect(first, 0)
    # It came in time, or it found no coordinator any more.
    second.wait(90)


def full_disk(stage: Stage) -> None:
    """A worker's disk is full; another one takes over."""
    coordinator = stage.coordinate()
    first, second = _without_room(stage), stage.work()
    if coordinator.wait() == 1:  # the other one was not there yet
        coordinator = stage.coordinate()
    expect(coordinator, 0, seconds=240)
    expect(first, 2, "cannot write")
    expect(second, 0)


def full_disks(stage: Stage) -> None:
    """No worker can write: the sweep says so and ends, and goes on later."""
    coordinator = stage.coordinate()
    workers = [_without_room(stage) for _ in range(3)]
    expect(coordinator, 1, "cannot be written", seconds=120)
    for worker in workers:
        worker.wait(90)
    coordinator, worker = stage.coordinate(), stage.work()
    expect(coordinator, 0, seconds=240)
    expect(worker, 0)


def _without_room(stage: Stage) -> Process:
    """Start a worker that can write no file longer than a few kilobytes."""
    worker = stage.work()
    resource.prlimit(worker.id, resource.RLIMIT_FSIZE, (4_096, 4_096))
    return worker


def untrusted(stage: Stage) -> None:
    """A coordinator.json that is stale, damaged, another's or open to all."""
    stage.run_dir.mkdir()
    worker = functools.partial(stage.work, "--wait=3")
    nobody = Rendezvous("tls://127.0.0.1:9", "a", *_pair())
    rendezvous.write(stage.run_dir, nobody)
    expect(worker(), 2, "no coordinator answers")
    file = stage.run_dir / rendezvous.FILE
    file.chmod(0o666)
    expect(worker(), 2, "can be written by others")
    file.chmod(0o600)
    if os.getuid() == 0:
        os.chown(file, 12345, -1)
        expect(worker(), 2, "belongs to user 12345")
        os.chown(file, 0, -1)
    file.write_text("{}")
    expect(worker(), 2, "is damaged")
    # A sweep takes no notice of it.
    coordinator = stage.coordinate()
    stage.wait_for(lambda: _is_new(stage))
    other = stage.work()
    real = rendezvous.read(stage.run_dir)
    elsewhere = stage.folder / "elsewhere"
    elsewhere.mkdir()
    rendezvous.write(elsewhere, dataclasses.replace(real, nonce="of another"))
    stage.wait_for(lambda: "1/" in coordinator.words)
    expect(stage.work("--wait=3", run_dir=elsewhere), 2, "another coordinator listens")
    certificate, key = _pair()
    rendezvous.write(
        elsewhere, dataclasses.replace(real, certificate=certificate, key=key)
    )
    expect(stage.work("--wait=3", run_dir=elsewhere), 2, "no coordinator answers")
    expect(coordinator, 0, seconds=240)
    expect(other, 0)


def _is_new(stage: Stage) -> bool:
    """Tell whether a coordinator has written its address."""
    try:
        return len(rendezvous.read(stage.run_dir).nonce) > 1
    except (OSError, ValueError):
        return False


def _pair() -> tuple[str, str]:
    """Return a certificate and its key."""
    from distributed.security import Security

    temporary = Security.temporary()
    return temporary.tls_ca_file, temporary.tls_worker_key


def two_coordinators(stage: Stage) -> None:
    """The second one is refused, and a port in use is."""
    coordinator = stage.coordinate()
    stage.wait_for(lambda: _is_new(stage))
    expect(stage.coordinate(), 2, "is held by a running sweep")
    port = rendezvous.read(stage.run_dir).address.rsplit(":", 1)[1]
    other = Stage(stage.folder / "other", stage.scale)
    with other:
        expect(other.coordinate(f"listen:127.0.0.1:{port}"), 2, "cannot listen")
    worker = stage.work()
    expect(coordinator, 0, seconds=240)
    expect(worker, 0)


def other_bits(stage: Stage) -> None:
    """A worker whose bits differ is refused by name."""
    coordinator, worker = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    expect(stage.work(NPROC="1"), 2, "cpu_threads=1 is 2 in this run")
    expect(coordinator, 0, seconds=240)
    expect(worker, 0)


def deserted(stage: Stage) -> None:
    """The only worker dies: the coordinator says so, and waits for another."""
    coordinator, worker = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    worker.end()
    stage.wait_for(lambda: "no worker is left" in coordinator.words, 30)
    for _ in ticks(2):
        if coordinator.code is not None:
            raise Hang(f"{coordinator.log}: it ended: {coordinator.last}")
    worker = stage.work()
    expect(coordinator, 0, seconds=240)
    expect(worker, 0)


def interrupted(stage: Stage) -> None:
    """Ctrl-C ends a coordinator that waits for workers, and one that has some."""
    coordinator = stage.coordinate()
    stage.wait_for(lambda: "waiting for workers" in coordinator.words)
    coordinator.send(signal.SIGINT)
    expect(coordinator, 130)
    coordinator, worker = stage.coordinate(), stage.work()
    stage.wait_for(lambda: "1/" in coordinator.words)
    coordinator.send(signal.SIGINT)
    expect(coordinator, 130)
    time.sleep(1)
    coordinator = stage.coordinate()
    expect(coordinator, 0, seconds=240)
    expect(worker, 0)


SCENES = (
    asked_to_stop,
    frozen,
    frozen_to_the_end,
    late,
    full_disk,
    full_disks,
    untrusted,
    two_coordinators,
    other_bits,
    deserted,
    interrupted,
    *network.SCENES,
)
