"""Workers of a Dask fleet in threads of this process, whose answers are made up."""

import asyncio
import contextlib
import threading
import time

from fleets import CPU

from jaxgrok.fleet import job, rendezvous, workers
from jaxgrok.fleet.dask_fleet import DaskFleet
from jaxgrok.fleet.messages import Job, Progress, Report
from jaxgrok.fleet.node import Node
from jaxgrok.host import machine

JOB = Job({}, "", "", "", "", "")


class Answering:
    """Answers at once, and remembers what it was ordered."""

    def __init__(self, name="a"):
        self.name, self.orders = name, []
        self.is_closed = self.is_hurried = False

    def greet(self):
        return Report(self.name, CPU, {0: Progress()})

    def do(self, order):
        self.orders.append(order)
        return self.greet()._replace(seats={0: Progress(len(self.orders))})

    def hurry(self):
        self.is_hurried = True

    def close(self):
        self.is_closed = True


class Thread:
    """A node that serves in a thread of its own."""

    def __init__(self, meeting, folder, name):
        self.node = Node(meeting, folder, name)
        self.error = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        try:
            asyncio.run(self.node.serve())
        except Exception as error:
            self.error = error

    def join(self):
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.node


@contextlib.contextmanager
def listening(folder, monkeypatch, *, answering=(), begins=True, **options):
    """A fleet and nodes, each with one of the workers given; all end with it."""
    loop = asyncio.SelectorEventLoop
    # Signals reach the main thread alone.
    monkeypatch.setattr(loop, "add_signal_handler", lambda *_: None, raising=False)
    made = {worker.name: worker for worker in answering}
    monkeypatch.setattr(job, "worker", lambda told, _: made[told.worker])
    threads = []
    try:
        with DaskFleet(folder, workers.parse("listen:127.0.0.1")) as fleet:
            for worker in answering:
                threads.append(Thread(rendezvous.read(folder), folder, worker.name))
            if begins:
                fleet.begin(JOB, options.pop("bits", machine.bits()), **options)
            fleet.threads = threads
            yield fleet
    finally:
        for thread in threads:
            thread.join()


def news(fleet, seconds=20):
    """The next news of a fleet, however long it takes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (answer := fleet.next()) is not None:
            return answer
    raise AssertionError("no news")
