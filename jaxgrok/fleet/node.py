"""The worker's side of a Dask fleet: answers what a coordinator sends.

>>> node = Node(rendezvous.read(run_dir), run_dir, "worker-1")
>>> asyncio.run(node.serve())
"""

import asyncio
import contextlib
import enum
import functools
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import distributed

from jaxgrok.fleet import hello, job, wire
from jaxgrok.fleet.dask_settings import security_of
from jaxgrok.fleet.messages import Farewell, Job, Order, Report, words_of
from jaxgrok.fleet.rendezvous import Rendezvous
from jaxgrok.fleet.worker import Worker
from jaxgrok.host import memory
from jaxgrok.host.files.paths import AnyPath

CONNECT_SECONDS = 5.0
"""How long a coordinator may take to answer at all."""


class Outcome(enum.Enum):
    """How a connection ended."""

    DONE = "done"
    REFUSED = "refused"
    LEFT = "left"
    LOST = "lost"


class Node:
    """One connection to a coordinator.

    Args:
        meeting: where it listens.
        run_dir: where this machine has the run directory.
        name: what this worker wants to be called.

    Attributes:
        outcome: how it ended.
        cause: why the coordinator refused this worker.
    """

    def __init__(self, meeting: Rendezvous, run_dir: AnyPath, name: str) -> None:
        self._meeting, self._run_dir, self._name = meeting, run_dir, name
        self._worker: Worker | None = None
        # One thread: a worker does one thing at a time.
        self._thread = ThreadPoolExecutor(1)
        self._leaving = threading.Event()
        self._ended: asyncio.Future[None]
        self.outcome = Outcome.LOST
        self.cause = ""

    async def serve(self) -> None:
        """Do what the coordinator orders until it, or this worker, has had enough.

        Raises:
            OSError: nobody answers there.
        """
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave)
        with tempfile.TemporaryDirectory() as folder:
            server = _server(self._meeting, self._name, folder, self._answer)
            try:
                await _started(server)
                closed = asyncio.ensure_future(server.finished())  # type: ignore[no-untyped-call]
                await asyncio.wait(
                    [closed, self._ended], return_when=asyncio.FIRST_COMPLETED
                )
                await self._save()
            finally:
                with contextlib.suppress(Exception):  # the other side may be gone
                    await asyncio.wait_for(server.close(), CONNECT_SECONDS)

    async def _answer(self, message: bytes) -> bytes:
        """Answer one message of the coordinator."""
        loop = asyncio.get_running_loop()
        answer = functools.partial(self._do, wire.decode(message))
        reply = await loop.run_in_executor(self._thread, answer)
        return wire.encode(reply)

    def _do(self, message: Any) -> Any:
        """Do what a message says, in the worker's thread."""
        match message:
            case None:
                return hello.here()
            case Job():
                return self._begin(message)
            case Order():
                return self._work(message)
            case Farewell(cause=cause):
                self.cause = cause
                self._end(Outcome.REFUSED if cause else Outcome.DONE)
        return None

    def _begin(self, told: Job) -> Report | Farewell:
        """Make the worker, and greet; refuse what is not what was expected."""
        try:
            if told.nonce != self._meeting.nonce:
                raise ValueError("another coordinator listens at that address")
            self._worker = job.worker(told, self._run_dir)
        except ValueError as error:
            return self._refuse(str(error))
        except Exception as error:  # of a user's grid file
            return self._fail(error)
        return self._worker.greet()

    def _work(self, order: Order) -> Report | Farewell:
        """Do an order; where this worker leaves, save everything with the answer."""
        assert self._worker is not None
        try:
            report = self._worker.do(order)
        except Exception as error:  # of a user's measure or loss, or our own
            return self._fail(error)
        if not self._leaving.is_set():
            return report
        last = self._worker.do(Order({}, save=True))
        self._end(Outcome.LEFT)
        return report._replace(
            results=[*report.results, *last.results],
            saved={**report.saved, **last.saved},
            refusal=report.refusal or last.refusal,
            is_leaving=True,
        )

    def _fail(self, error: Exception) -> Farewell:
        """Give up, and say why; the log of this process says where."""
        self._worker = None
        if memory.ran_out(error):
            return self._refuse(memory.in_words(error))
        traceback.print_exception(error)
        return self._refuse(words_of(error))

    def _refuse(self, cause: str) -> Farewell:
        """Give up."""
        self.cause = cause
        self._end(Outcome.REFUSED)
        return Farewell(cause)

    def _leave(self) -> None:
        """Leave once the order in hand is done; at once where there is none."""
        self._leaving.set()
        if self._worker:
            self._worker.hurry()
        self._thread.submit(lambda: None).add_done_callback(
            lambda _: self._end(Outcome.LEFT)
        )

    def _end(self, outcome: Outcome) -> None:
        """End the connection, after the answer to the message in hand."""
        self.outcome = outcome

        def end() -> None:
            if not self._ended.done():
                self._ended.set_result(None)

        self._ended.get_loop().call_soon_threadsafe(
            self._ended.get_loop().call_later, 0.2, end
        )

    async def _save(self) -> None:
        """Save the cells in flight where the coordinator cannot ask for it."""
        loop = asyncio.get_running_loop()
        if self._worker is not None:
            save = functools.partial(self._worker.do, Order({}, save=True))
            await loop.run_in_executor(self._thread, save)
            await loop.run_in_executor(self._thread, self._worker.close)


async def _started(server: distributed.Worker) -> None:
    """Wait until a server has connected; OSError if nobody answers."""
    try:
        await asyncio.wait_for(server, CONNECT_SECONDS)
    except RuntimeError as error:  # Dask's word for whatever went wrong
        raise OSError(str(error.__cause__ or error)) from error


def _server(
    meeting: Rendezvous, name: str, folder: str, answer: Callable[..., Any]
) -> distributed.Worker:
    """Return a Dask worker that answers our messages and runs no task."""
    server = distributed.Worker(
        meeting.address,
        name=name,
        nthreads=1,
        memory_limit=0,
        security=security_of(meeting.certificate, meeting.key),
        local_directory=folder,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
    )
    server.handlers["jaxgrok"] = answer
    return server
