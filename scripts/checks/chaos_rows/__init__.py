"""The rows of `chaos.py`: a module each, with `run(job)`."""

ROWS: dict[str, str] = {
    "kills": "SIGKILL at any moment, then the same command again",
    "concurrency": "readers and second writers while a sweep writes, and is killed",
    "isolation": "cells that diverge, beside others, in any order and company",
}
"""Names of modules, and what each does to a run."""
