"""Processes that end with the one that started them, however that ends.

>>> subprocess.Popen(command, preexec_fn=end_with_parent)
"""

import ctypes
import signal

_PRCTL = ctypes.CDLL(None).prctl
_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Let the system kill this process once the one that started it is gone."""
    _PRCTL(_SET_PDEATHSIG, int(signal.SIGKILL))
