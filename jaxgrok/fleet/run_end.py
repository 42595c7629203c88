"""Whether a run has ended, for a worker that has lost its coordinator.

>>> end = RunEnd(run_dir)
>>> while not end.has_come(): time.sleep(0.5)
"""

import contextlib
import time

from jaxgrok.fleet import rendezvous
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results.files import status_file
from jaxgrok.results.status import read_status

LOOK_SECONDS = 10.0
"""Between two looks at the results; twice as long after each."""


class RunEnd:
    """The end of a run, as its directory shows it.

    Args:
        run_dir: of the run.
    """

    def __init__(self, run_dir: AnyPath) -> None:
        self._run_dir = run_dir
        self._has_come = False
        self._due, self._pause = 0.0, LOOK_SECONDS

    def has_come(self) -> bool:
        """Tell whether all is trained; look seldom, as that reads a row a cell."""
        if self._has_come or time.monotonic() < self._due:
            return self._has_come
        # Either file is there while somebody coordinates, and after a kill.
        is_listening = (self._run_dir / rendezvous.FILE).exists()
        if is_listening or status_file.exists(self._run_dir):
            return False
        with contextlib.suppress(OSError, ValueError):
            self._has_come = read_status(self._run_dir).state == "finished"
        self._due = time.monotonic() + self._pause
        self._pause *= 2
        return self._has_come
