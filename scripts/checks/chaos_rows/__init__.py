"""The rows of `chaos.py`: a module each, with `run(job)`."""

ROWS: dict[str, str] = {
    "kills": "SIGKILL at any moment, then the same command again",
    "stops": "SIGINT, SIGTERM and SIGHUP in every phase, and how soon a run is gone",
    "disk": "every write, fsync and rename fails once",
    "corruption": "every file of a run truncated, flipped, deleted, swapped, stale",
    "untrusted": "files of a run that somebody else made up",
    "concurrency": "a second writer, and readers while a run writes",
    "isolation": "cells beside NaN, inf and extreme neighbours",
    "memory": "memory that is short, and the kernel's kill for it",
    "long_haul": "ten thousand cells, killed twice on the way",
    "reproduction": "the same command twice, elsewhere and otherwise",
}
"""Names of modules, and what each does to a run."""
