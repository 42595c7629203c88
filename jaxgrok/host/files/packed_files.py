"""Arrays and the JSON that describes them, in one .npz file that notices damage.

Zip files hold a checksum of every array: what was cut or changed is never read.

>>> write_packed(Path("lanes.npz"), {"cells": ["3f0a"]}, {"leaf": array})
>>> with packed(Path("lanes.npz"), "remove it") as (head, arrays): arrays["leaf"]
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxgrok.host.files.atomic_files import atomic_file
from jaxgrok.host.files.npz import DAMAGE, Npz
from jaxgrok.host.files.paths import AnyPath, opened
from jaxgrok.host.files.sealed import parsed


def write_packed(
    path: AnyPath,
    head: Any,
    arrays: Mapping[str, np.ndarray],
    *,
    compress: bool = False,
) -> None:
    """Write a file, atomically.

    Args:
        path: the file; an old one is replaced.
        head: what JSON can hold.
        arrays: by name; "head" is taken.
        compress: whether to spend time on fewer bytes. Weights hardly shrink.
    """
    save = np.savez_compressed if compress else np.savez
    with atomic_file(path) as file:
        save(file, head=np.array(json.dumps(head)), **arrays)  # type: ignore[arg-type]


@contextlib.contextmanager
def packed(path: AnyPath, way_out: str) -> Iterator[tuple[Any, Npz]]:
    """Open a file: its head, and its arrays, each of them read when it is asked for.

    Args:
        path: the file.
        way_out: what to do where it is damaged, for the message.

    Raises:
        ValueError: the file is damaged, or its contents make no sense to the body of
            the `with`.
    """
    try:
        with opened(path) as stream, Npz(stream) as arrays:
            yield parsed(str(arrays["head"]).encode()), arrays
    except DAMAGE:
        raise ValueError(f"{path} is damaged; {way_out}") from None


def fingerprint(path: AnyPath) -> str:
    """Return what tells a file's contents from any other; see `Npz.fingerprint`.

    Raises:
        ValueError: the file is damaged.
    """
    with packed(path, "") as (_, arrays):
        return arrays.fingerprint


def check(path: AnyPath) -> None:
    """Read all of a file; ValueError if it is damaged."""
    with packed(path, "") as (_, arrays):
        for name in arrays:
            arrays[name]
