"""Whether a process of this machine is still there.

>>> is_alive(os.getpid())
True
"""

import os
from pathlib import Path


def is_alive(process: int) -> bool:
    """Tell whether a process runs; True where the system does not tell."""
    try:
        # Signal 0 reaches nobody; Windows would end the process with it.
        if os.name != "nt":
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # somebody else's process
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Tell whether a process has ended, and nobody has asked how; False if unknown."""
    try:
        # After the name, which is in parentheses and may hold any character.
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2]
    except OSError:
        return False
    return state.split()[:1] == [b"Z"]
