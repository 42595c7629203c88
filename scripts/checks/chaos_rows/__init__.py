"""The rows of `chaos.py`: a module each, with `run(job)`."""

ROWS: dict[str, str] = {
    "disk": "every write, fsync and rename of a run refused once",
    "kills": "SIGKILL at any moment, then the same command again",
}
"""Names of modules, and what each does to a run."""
