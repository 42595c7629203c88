"""The rows of `chaos.py`: a module each, with `run(job)`."""

ROWS: dict[str, str] = {
    "kills": "SIGKILL at any moment, then the same command again",
    "corruption": "files cut, flipped, deleted, swapped, zeroed, put back",
    "untrusted": "run directories that somebody made to do harm",
}
"""Names of modules, and what each does to a run."""
