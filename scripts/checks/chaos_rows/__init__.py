"""The rows of `chaos.py`: a module each, with `run(job)`."""

ROWS: dict[str, str] = {
    "kills": "SIGKILL at any moment, then the same command again",
    "long_haul": "ten thousand cells, killed twice: nothing grows",
    "reproduction": "the same command elsewhere on this machine: the same bytes",
}
"""Names of modules, and what each does to a run."""
