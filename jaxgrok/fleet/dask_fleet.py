"""The fleet of many machines: Dask's scheduler in this process, a node on each.

Dask knows which nodes there are, and loses those that fall silent; TLS and the frames
are its own. It runs no task: what is sent are messages of `wire`.

>>> fleet = DaskFleet(run_dir, workers.parse("listen"))
>>> hello = fleet.first_hello()
>>> fleet.begin(Job(...), bits)
"""

import asyncio
import contextlib
import queue
import secrets
from collections.abc import Mapping
from typing import Any

import distributed
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.security import Security

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import hello, rendezvous, wire
from jaxgrok.fleet.children import Children
from jaxgrok.fleet.dask_settings import security_of
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.loop_thread import LoopThread
from jaxgrok.fleet.messages import Farewell, Job, Loss, Order, Report, words_of
from jaxgrok.fleet.rendezvous import Rendezvous
from jaxgrok.fleet.workers import Workers
from jaxgrok.host.durations import setting
from jaxgrok.host.files.paths import AnyPath

NEWS_SECONDS = 1.0
"""How long `next` waits."""
SILENCE_SECONDS = setting("JAXGROK_SILENCE", 30.0)
"""After so long without a sign of life a worker is lost."""
ANSWER_SECONDS = 15.0
"""How long a worker may take to answer what needs no work."""
BEGIN_SECONDS = 150.0
"""How long it may take to find its devices, and to resolve the grid."""


class DaskFleet:
    """Workers that connect to this process.

    Args:
        run_dir: where they find its address.
        workers: where to listen, and how many processes to start on this machine.
        platform: its devices, where it starts any.

    Raises:
        ValueError: the host is not this machine's, or the port is in use.
    """

    outlives_workers = True

    def __init__(
        self, run_dir: AnyPath, workers: Workers, platform: Platform | None = None
    ) -> None:
        self._run_dir = run_dir
        # Processes that are started here are started again.
        is_open = not workers.processes
        self.invitation = f"python -m jaxgrok.worker {run_dir}" if is_open else ""
        self._nonce = secrets.token_hex(16)
        temporary = Security.temporary()  # type: ignore[no-untyped-call]
        certificate, key = temporary.tls_ca_file, temporary.tls_worker_key
        self._security = security_of(certificate, key)
        self._news: queue.Queue[Report | Loss] = queue.Queue()
        self._hellos: queue.Queue[tuple[str, Hello]] = queue.Queue()
        self._job: tuple[Job, Mapping[str, object], bool] | None = None
        self._names: dict[str, str] = {}
        """Address → name, of the workers that are part of the fleet."""
        self._loop = LoopThread()
        self._children: Children | None = None
        try:
            self._scheduler = self._loop.wait(self._start(workers))
        except (OSError, ValueError, RuntimeError) as error:
            self._loop.close()
            words = error.__cause__ or error
            raise ValueError(
                f"--workers: cannot listen on {workers.host or 'this machine'}, port "
                f"{workers.port} ({words}); take another one, or listen alone for any"
            ) from None
        self.address: str = self._scheduler.address
        meeting = Rendezvous(self.address, self._nonce, certificate, key)
        rendezvous.write(run_dir, meeting, rendezvous.secret_of())
        if workers.processes and platform:
            self._children = Children(workers.processes, run_dir, platform)

    def first_hello(self) -> Hello | None:
        """Wait a second for the first worker; None if there is none yet."""
        try:
            address, first = self._hellos.get(timeout=NEWS_SECONDS)
        except queue.Empty:
            return None
        self._hellos.put((address, first))
        return first

    def begin(
        self, job: Job, bits: Mapping[str, object], *, mixed_bits: bool = False
    ) -> None:
        """Let workers take part from now on, and those that have come so far.

        Args:
            job: what each is told, but for its name and the nonce.
            bits: of the run; others are refused.
            mixed_bits: do not refuse them.
        """
        self._loop.wait(self._begin(job, bits, mixed_bits))

    def send(self, worker: str, order: Order) -> None:
        """Order something from an idle worker."""
        self._loop.schedule(self._ask(worker, order))

    def next(self) -> Report | Loss | None:
        """Wait a second for news."""
        if self._children:
            self._children.look_after()
        try:
            return self._news.get(timeout=NEWS_SECONDS)
        except queue.Empty:
            return None

    def drop(self, worker: str, cause: str) -> None:
        """Tell a worker that it is not wanted, and expect nothing more of it."""
        self._loop.schedule(self._drop(worker, cause))

    def __enter__(self) -> "DaskFleet":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        # A sweep that was stopped goes on sooner with the workers that it had. Those
        # that were started here are not left behind.
        self._end(dismisses=error is None or self._children is not None)

    def close(self) -> None:
        """Let all workers go, and stop to listen."""
        self._end(dismisses=True)

    def _end(self, *, dismisses: bool) -> None:
        """Stop to listen; workers that are not dismissed wait for the next one."""
        rendezvous.remove(self._run_dir, self._nonce)
        with contextlib.suppress(Exception):  # nobody is left to be told
            self._loop.wait(self._stop(dismisses=dismisses))
        if self._children:
            self._children.close()
        self._loop.close()

    async def _start(self, workers: Workers) -> distributed.Scheduler:
        scheduler = distributed.Scheduler(
            host=workers.host or None,
            port=workers.port,
            protocol="tls://",
            security=self._security,
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            worker_ttl=SILENCE_SECONDS,
            plugins=(_Doorman(self),),
        )
        await scheduler
        return scheduler

    async def _stop(self, *, dismisses: bool) -> None:
        if dismisses:
            # All that are connected, also those that have yet to take part.
            addresses = list(self._scheduler.workers)
            goodbyes = [self._tell(address, Farewell()) for address in addresses]
            await asyncio.gather(*goodbyes, return_exceptions=True)
        await self._scheduler.close()

    def arrived(self, address: str) -> None:
        """Greet a node that has connected."""
        self._loop.schedule(self._greet(address))

    def left(self, address: str) -> None:
        """Take note that a node is gone."""
        name = self._names.pop(address, None)
        if name is not None:
            self._news.put(Loss(name, "it does not answer any more"))

    # In the loop's thread, like all that touches names and hellos.
    async def _begin(
        self, job: Job, bits: Mapping[str, object], mixed_bits: bool
    ) -> None:
        self._job = job, bits, mixed_bits
        while not self._hellos.empty():
            address, greeting = self._hellos.get_nowait()
            self._loop.schedule(self._welcome(address, greeting))

    async def _drop(self, worker: str, cause: str) -> None:
        address = self._address(worker)
        if address is not None:
            del self._names[address]
            await self._dismiss(address, cause)

    async def _greet(self, address: str) -> None:
        try:
            greeting = await self._tell(address, None, seconds=BEGIN_SECONDS)
        except Exception as error:
            await self._turn_away(address, error)
            return
        if self._job is None:
            self._hellos.put((address, greeting))
        else:
            await self._welcome(address, greeting)

    async def _welcome(self, address: str, greeting: Hello) -> None:
        """Refuse a worker, or tell it what the run is, and say that it is idle."""
        assert self._job is not None
        job, bits, mixed_bits = self._job
        cause = hello.refusal(greeting, bits, mixed_bits=mixed_bits)
        if address not in self._scheduler.workers:
            return  # it is gone already
        name = str(self._scheduler.workers[address].name)
        if cause:
            await self._dismiss(address, cause)
            self._news.put(Loss(name, f"refused: {cause}"))
            return
        message = job._replace(worker=name, nonce=self._nonce)
        try:
            report = await self._tell(address, message, seconds=BEGIN_SECONDS)
        except Exception as error:
            await self._turn_away(address, error)
            return
        if isinstance(report, Farewell):
            self._news.put(Loss(name, f"refused: {report.cause}"))
            return
        self._names[address] = name
        self._news.put(report)

    async def _ask(self, worker: str, order: Order) -> None:
        """Send an order, and wait for its report as long as the worker lives."""
        address = self._address(worker)
        if address is None:
            return  # its loss is among the news
        try:
            answer = await self._tell(address, order, seconds=None)
        except (OSError, TimeoutError):
            self.left(address)
            return
        except Exception as error:  # of the other side, or no message of ours
            if self._names.pop(address, None):
                self._news.put(Loss(worker, words_of(error), is_crash=True))
            await self._dismiss(address, words_of(error))
            return
        if self._names.get(address) != worker:
            return  # it was given up meanwhile
        if isinstance(answer, Farewell) or answer.is_leaving:
            del self._names[address]
        if isinstance(answer, Farewell):
            answer = Loss(worker, answer.cause, is_crash=True)
        self._news.put(answer)

    async def _turn_away(self, address: str, error: Exception) -> None:
        """Let a worker go that did not get as far as to take part."""
        if address not in self._scheduler.workers:
            return  # it is gone already
        name = str(self._scheduler.workers[address].name)
        self._news.put(Loss(name, f"it does not answer ({words_of(error)})"))
        await self._dismiss(address, words_of(error))

    async def _dismiss(self, address: str, cause: str) -> None:
        with contextlib.suppress(Exception):  # it may be gone
            await self._tell(address, Farewell(cause))

    async def _tell(
        self, address: str, message: Any, seconds: float | None = ANSWER_SECONDS
    ) -> Any:
        """Send a message to a node, and return its answer."""
        node = self._scheduler.rpc(address)
        answer = node.jaxgrok(message=wire.encode(message))
        return wire.decode(await asyncio.wait_for(answer, seconds))

    def _address(self, worker: str) -> str | None:
        names = {name: address for address, name in self._names.items()}
        return names.get(worker)


class _Doorman(SchedulerPlugin):
    """Tells a fleet of nodes that come and go."""

    def __init__(self, fleet: DaskFleet) -> None:
        self._fleet = fleet

    def add_worker(self, scheduler: distributed.Scheduler, worker: str) -> None:
        self._fleet.arrived(worker)

    def remove_worker(
        self, scheduler: distributed.Scheduler, worker: str, **_: Any
    ) -> None:
        self._fleet.left(worker)
