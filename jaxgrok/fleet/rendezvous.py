"""coordinator.json: where workers find the coordinator of a run, and its key.

It lies in the run directory while a coordinator listens, and is readable by its user
alone: who can read it can make the workers run code.

>>> write(run_dir, Rendezvous("tls://10.0.0.5:8786", nonce, certificate, key))
>>> rendezvous = read(run_dir)
"""

import dataclasses
import json
import os
import stat
from pathlib import Path

from jaxgrok.host.atomic_files import write_atomically

FILE = "coordinator.json"


@dataclasses.dataclass(frozen=True)
class Rendezvous:
    """Where a coordinator listens.

    Attributes:
        address: as Dask writes it: tls://HOST:PORT.
        nonce: another one for every start of a coordinator.
        certificate: PEM text; its own authority.
        key: of the certificate, PEM text.
    """

    address: str
    nonce: str
    certificate: str
    key: str


def write(run_dir: Path, rendezvous: Rendezvous) -> None:
    """Write the file, readable by its user alone from the first byte on."""
    text = json.dumps(dataclasses.asdict(rendezvous))
    write_atomically(run_dir / FILE, text.encode(), private=True)


def remove(run_dir: Path, nonce: str) -> None:
    """Remove the file, unless another coordinator has written its own since."""
    try:
        if read(run_dir).nonce == nonce:
            (run_dir / FILE).unlink()
    except (OSError, ValueError):
        pass


def read(run_dir: Path) -> Rendezvous:
    """Return what the file says.

    Raises:
        FileNotFoundError: no coordinator listens.
        ValueError: the file cannot be trusted, or is not one.
    """
    file = run_dir / FILE
    # Of the file that is open: a path may name another one a moment later.
    with open(file, "rb") as stream:
        _check(file, os.fstat(stream.fileno()))
        content = stream.read()
    try:
        return Rendezvous(**json.loads(content))
    except (ValueError, TypeError):
        raise ValueError(f"{file} is damaged; start the sweep again") from None


def _check(file: Path, status: os.stat_result) -> None:
    """Refuse a file that somebody else could have written: it makes code run here."""
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise ValueError(
            f"{file} belongs to user {status.st_uid}, not to you: a worker runs what "
            "it says; start the sweep yourself, in a folder of your own"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(
            f"{file} can be written by others: a worker runs what it says; "
            f"chmod 600 it, or start the sweep again"
        )
