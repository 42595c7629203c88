"""coordinator.json: where workers find the coordinator of a run, and its key.

It lies in the run directory while a coordinator listens, and is readable by its user
alone: who can read it can make the workers run code. Where others may read it, the key
in it is encrypted by a secret that comes another way.

>>> write(run_dir, Rendezvous("tls://10.0.0.5:8786", nonce, certificate, key), secret)
>>> rendezvous = read(run_dir, secret)
"""

import dataclasses
import json
import os
import stat
from pathlib import Path

from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import AnyPath

FILE = "coordinator.json"
SECRET = "JAXGROK_FLEET_KEY"
"""Variable that holds the secret."""


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


def secret_of(file: str = "") -> str:
    """Return the secret of a file, or that of the environment; "" for none.

    Raises:
        ValueError: the file is empty.
        OSError: it cannot be read.
    """
    if not file:
        return os.environ.get(SECRET, "")
    secret = Path(file).expanduser().read_text(encoding="utf-8").strip()
    if not secret:
        raise ValueError(f"--key={file} is empty; write any long text into it")
    return secret


def write(run_dir: AnyPath, rendezvous: Rendezvous, secret: str = "") -> None:
    """Write the file, readable by its user alone from the first byte on."""
    check_secret(run_dir, secret)
    if secret:
        rendezvous = dataclasses.replace(
            rendezvous, key=_recoded(rendezvous.key, b"", secret.encode())
        )
    text = json.dumps(dataclasses.asdict(rendezvous))
    write_atomically(run_dir / FILE, text.encode(), private=True)


def remove(run_dir: AnyPath, nonce: str) -> None:
    """Remove the file, unless another coordinator has written its own since."""
    try:
        content = json.loads((run_dir / FILE).read_bytes())
        if content["nonce"] == nonce:
            (run_dir / FILE).unlink()
    except (OSError, ValueError, LookupError, TypeError):
        pass


def read(run_dir: AnyPath, secret: str = "") -> Rendezvous:
    """Return what the file says.

    Raises:
        FileNotFoundError: no coordinator listens.
        ValueError: the file cannot be trusted, or is not one, or the secret is not the
            coordinator's.
    """
    file = run_dir / FILE
    content = _content(file)
    try:
        rendezvous = Rendezvous(**json.loads(content))
    except (ValueError, TypeError):
        raise ValueError(f"{file} is damaged; start the sweep again") from None
    if "ENCRYPTED" not in rendezvous.key:
        check_secret(run_dir, "")
        return rendezvous
    try:
        key = _recoded(rendezvous.key, secret.encode(), b"")
    except (ValueError, TypeError):
        raise ValueError(
            f"{file} is locked by a secret; give the coordinator's as {SECRET}, or "
            "with --key FILE"
        ) from None
    return dataclasses.replace(rendezvous, key=key)


def _recoded(key: str, old: bytes, new: bytes) -> str:
    """Return a private key that one secret encrypts, encrypted by another one."""
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_pem_private_key(key.encode(), old or None)
    encryption: serialization.KeySerializationEncryption
    encryption = serialization.NoEncryption()
    if new:
        encryption = serialization.BestAvailableEncryption(new)
    form = serialization.PrivateFormat.PKCS8
    content = private.private_bytes(serialization.Encoding.PEM, form, encryption)
    return content.decode()


def check_secret(run_dir: AnyPath, secret: str) -> None:
    """Refuse a run directory in a store without a secret: others may read it.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(run_dir, Path) and not secret:
        raise ValueError(
            f"{run_dir} is in a store, where others may read coordinator.json: give "
            f"coordinator and workers the same secret, as {SECRET} or with --key FILE"
        )


def _content(file: AnyPath) -> bytes:
    """Read a file that nobody else may have written."""
    if not isinstance(file, Path):
        return file.read_bytes()
    # Of the file that is open: a path may name another one a moment later.
    with open(file, "rb") as stream:
        _check(file, os.fstat(stream.fileno()))
        return stream.read()


def _check(file: AnyPath, status: os.stat_result) -> None:
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
