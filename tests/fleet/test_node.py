"""A node does what its coordinator says, leaves when asked, and trusts no other."""

import asyncio
import dataclasses

import nodes
import pytest

from jaxgrok.fleet import node as module
from jaxgrok.fleet import rendezvous, wire
from jaxgrok.fleet.dask_settings import security_of
from jaxgrok.fleet.messages import Assignment, Farewell, Order
from jaxgrok.fleet.node import Node, Outcome

# Dask leaves sockets open that it could not bind or connect.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]
ORDER = Order({0: Assignment(0)})


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """A fleet without nodes."""
    with nodes.listening(tmp_path, monkeypatch) as fleet:
        yield fleet


def test_one_of_another_coordinator_is_refused(fleet, tmp_path):
    meeting = rendezvous.read(tmp_path)
    other = nodes.Thread(dataclasses.replace(meeting, nonce="b"), tmp_path, "a")
    cause = "another coordinator listens at that address"
    assert nodes.news(fleet).cause == f"refused: {cause}"
    node = other.join()
    assert (node.outcome, node.cause) == (Outcome.REFUSED, cause)


def test_without_the_key_nobody_is_let_in(fleet, tmp_path, monkeypatch):
    from distributed.security import Security

    monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
    temporary = Security.temporary()
    pair = {"certificate": temporary.tls_ca_file, "key": temporary.tls_worker_key}
    meeting = dataclasses.replace(rendezvous.read(tmp_path), **pair)
    other = nodes.Thread(meeting, tmp_path, "a")
    other.join()
    assert isinstance(other.error, OSError | TimeoutError)
    assert fleet.next() is None


def test_where_nobody_listens_that_is_an_error_and_bounded(
    fleet, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
    meeting = rendezvous.read(tmp_path)
    nobody = dataclasses.replace(meeting, address="tls://127.0.0.1:9")
    other = nodes.Thread(nobody, tmp_path, "a")
    other.join()
    assert isinstance(other.error, OSError | TimeoutError)


def test_everything_is_encrypted():
    assert security_of("certificate", "key").require_encryption


def test_one_that_is_asked_to_leave_answers_saves_and_goes(tmp_path, monkeypatch):
    worker = nodes.Answering()
    with nodes.listening(tmp_path, monkeypatch, answering=[worker]) as fleet:
        nodes.news(fleet)
        node = fleet.threads[0].node
        node._leaving.set()  # a signal while it trains
        fleet.send("a", ORDER)
        report = nodes.news(fleet)
        assert report.is_leaving and worker.orders[:2] == [ORDER, Order({}, save=True)]
        assert fleet.threads[0].join().outcome is Outcome.LEFT
    assert worker.is_closed


def test_an_idle_one_leaves_at_once(tmp_path, monkeypatch):
    worker = nodes.Answering()
    with nodes.listening(tmp_path, monkeypatch, answering=[worker]) as fleet:
        nodes.news(fleet)
        fleet.threads[0].node._leave()
        assert fleet.threads[0].join().outcome is Outcome.LEFT
    assert worker.is_hurried and worker.is_closed


def test_what_is_no_message_does_nothing(tmp_path):
    node = Node(rendezvous.Rendezvous("tls://127.0.0.1:9", "", "", ""), tmp_path, "a")
    with pytest.raises(ValueError, match="not a message"):
        asyncio.run(node._answer(b"\x93\xa9os.system"))
    assert wire.decode(asyncio.run(node._answer(wire.encode(None)))).platform


def test_a_farewell_with_a_cause_is_a_refusal(tmp_path):
    node = Node(rendezvous.Rendezvous("tls://127.0.0.1:9", "", "", ""), tmp_path, "a")

    async def answer():
        node._ended = asyncio.get_running_loop().create_future()
        await node._answer(wire.encode(Farewell("it cannot write")))

    asyncio.run(answer())
    assert (node.outcome, node.cause) == (Outcome.REFUSED, "it cannot write")
