"""Fleets whose workers train in turn, in one process: they join, answer, are lost."""

from contextlib import closing, nullcontext

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Loss
from jaxgrok.host.signals import Stop
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.intake import Intake
from jaxgrok.sweep.longest_first import Everything

CPU = Platform("cpu", "cpu", 1)


class Turns:
    """Every `next` is one worker's answer; the workers take turns.

    Args:
        workers: those that are there from the start.
        events: called before the n-th news, with this fleet.
    """

    outlives_workers = True
    invitation = "python -m jaxgrok.worker RUN_DIR"

    def __init__(self, *workers, events=None):
        self.workers, self.orders, self.news = {}, {}, []
        self.events, self.count = dict(events or {}), 0
        for worker in workers:
            self.join(worker)

    def join(self, worker):
        greeting = worker.greet()
        self.workers[greeting.worker] = worker
        self.news.append(greeting)

    def lose(self, name):
        del self.workers[name]
        self.orders.pop(name, None)
        self.news.append(Loss(name, "for a test"))

    def send(self, worker, order):
        assert worker not in self.orders, "it has not answered yet"
        # What goes to one that is lost already is lost too.
        if worker in self.workers:
            self.orders[worker] = order

    def next(self):
        self.count += 1
        if event := self.events.pop(self.count, None):
            event(self)
        if self.news:
            return self.news.pop(0)
        if not self.orders:
            return None
        name = next(iter(self.orders))  # the one that waits longest
        return self.workers[name].do(self.orders.pop(name))

    def drop(self, worker, cause):
        self.workers.pop(worker, None)
        self.orders.pop(worker, None)

    def close(self):
        for worker in self.workers.values():
            worker.close()


class Script:
    """A fleet whose worker answers as written, and that notes what it was sent.

    An error among the answers is raised.
    """

    outlives_workers, invitation = False, ""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send(self, worker, order):
        self.sent.append(order)


def train(path, resolved, fleet, queue=Everything, stop=None):
    """Train a grid by a fleet, whether or not to its end; draw no figures."""
    with RunDirectory(path) as directory:
        archive = Archive(resolved, directory)
        trained = Coordinator(Intake(resolved, archive, fleet, queue, quiet=True))
        fleet.coordinator = trained
        with closing(fleet) if hasattr(fleet, "close") else nullcontext():
            return trained.train(stop or Stop())
