"""An event loop in a thread of its own, for a program that is not asynchronous.

>>> loop = LoopThread()
>>> loop.wait(asyncio.sleep(1, "done"))
'done'
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

CANCEL_SECONDS = 5.0
"""How long what is cancelled may take to end."""


class LoopThread:
    """Runs coroutines one beside the other, in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end; not from the loop's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def schedule(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside others; from any thread."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End the thread; what still runs is cancelled."""
        self.wait(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    """Cancel all that runs in this loop, and wait for it to end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=CANCEL_SECONDS)
