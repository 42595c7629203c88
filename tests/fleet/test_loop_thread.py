"""Coroutines run one beside the other in one thread, which ends when it is told to."""

import asyncio
import threading

import pytest

from jaxgrok.fleet.loop_thread import LoopThread


@pytest.fixture
def loop():
    loop = LoopThread()
    yield loop
    loop.close()


def test_what_a_coroutine_returns_or_raises_comes_back(loop):
    async def fail():
        raise ValueError("no")

    assert loop.wait(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no"):
        loop.wait(fail())


def test_one_that_waits_keeps_no_other_from_running(loop):
    reached = threading.Event()

    async def first():
        while not reached.is_set():
            await asyncio.sleep(0.001)

    async def second():
        reached.set()

    loop.schedule(first())
    loop.wait(second())
    assert reached.is_set()


def test_all_run_in_one_thread_which_ends_and_leaves_nothing():
    async def thread():
        return threading.current_thread()

    loop, cancelled = LoopThread(), []

    async def endless():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    loop.schedule(endless())
    threads = {loop.wait(thread()) for _ in range(3)}
    assert threading.current_thread() not in threads
    loop.close()
    assert [one.is_alive() for one in threads] == [False]
    assert cancelled == [True]
