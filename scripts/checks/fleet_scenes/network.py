"""A worker on another machine, as far as the network knows, and a cable to pull."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from fleet_scenes.processes import Process, Skip, Stage, expect
from jaxgrok.results.files import status_file

SUBNET = "198.18.{}.{}"
"""Addresses that are kept free for tests of networks (RFC 2544)."""


class Machine:
    """A network namespace that one cable joins to this one.

    A context manager, which leaves neither.

    Raises:
        Skip: none can be made here.
    """

    def __init__(self) -> None:
        # Two calls of the check may run side by side.
        number = os.getpid()
        self._name, self._cable = f"jaxgrok-{number}", f"jg{number}"
        self.host, self._own = (SUBNET.format(number % 256, i) for i in (1, 2))
        self.launcher = ("ip", "netns", "exec", self._name)

    def __enter__(self) -> "Machine":
        try:
            self._make()
        except (OSError, subprocess.SubprocessError) as error:
            self.__exit__()
            words = getattr(error, "stderr", "") or str(error)
            raise Skip(f"no network namespace: {' '.join(words.split())}") from None
        return self

    def __exit__(self, *_: object) -> None:
        for words in (f"link delete {self._cable}", f"netns delete {self._name}"):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _ip(words)

    def cut(self) -> None:
        """Pull the cable: nothing passes, and nobody is told."""
        _ip(f"link set {self._cable} down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip(f"link set {self._cable} up")

    def _make(self) -> None:
        name, cable = self._name, self._cable
        _ip(f"netns add {name}")
        _ip(f"link add {cable} type veth peer name eth0 netns {name}")
        _ip(f"address add {self.host}/24 dev {cable}")
        _ip(f"link set {cable} up")
        _ip(f"-netns {name} address add {self._own}/24 dev eth0")
        _ip(f"-netns {name} link set eth0 up")
        _ip(f"-netns {name} link set lo up")


def _ip(words: str) -> None:
    """Run the command ip; raise if it refuses."""
    command = ["ip", *words.split()]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)


@contextlib.contextmanager
def _two_workers(stage: Stage) -> Iterator[tuple[Machine, Process, Process, Process]]:
    """Start a coordinator, a worker behind a cable and one here, and pull the cable."""
    with Machine() as machine:
        coordinator = stage.coordinate(f"listen:{machine.host}")
        far, near = stage.work(launcher=machine.launcher), stage.work()
        stage.wait_for(lambda: "1/" in coordinator.words and _workers(stage) == 2)
        machine.cut()
        stage.wait_for(lambda: " is gone" in coordinator.words, 30)
        yield machine, coordinator, far, near


def _workers(stage: Stage) -> int:
    """Return how many workers take part."""
    live = status_file.read(stage.run_dir)
    return len(live.workers) if live else 0


def cut_off(stage: Stage) -> None:
    """A worker is cut off, and comes back: the only one there is by then."""
    with _two_workers(stage) as (machine, coordinator, far, near):
        near.send(signal.SIGTERM)
        expect(near, 143)
        stage.wait_for(lambda: "no worker is left" in coordinator.words, 30)
        machine.mend()
        expect(coordinator, 0, seconds=240)
        expect(far, 0)
        if "waiting" not in far.words:
            raise ValueError(f"{far.log}: it did not notice: {far.words}")


def cut_off_for_good(stage: Stage) -> None:
    """A worker is cut off, and the sweep ends without it."""
    with _two_workers(stage) as (_, coordinator, far, near):
        expect(coordinator, 0, seconds=240)
        expect(near, 0)
        expect(far, 0, "the sweep has ended", seconds=150)


SCENES = (cut_off, cut_off_for_good)
