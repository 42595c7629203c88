"""Arrays and the JSON that describes them, in one .npz file that notices damage.

Zip files hold a checksum of every array: what was cut or changed is never read.

>>> write_packed(Path("lanes.npz"), {"cells": ["3f0a"]}, {"leaf": array})
>>> with packed(Path("lanes.npz"), "remove it") as (head, arrays): arrays["leaf"]
"""

import contextlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxgrok.host.files.atomic_files import atomic_file
from jaxgrok.host.files.paths import AnyPath, opened

# Where a file was cut, or what it was before, decides which of these reading raises.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


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
def packed(
    path: AnyPath, way_out: str
) -> Iterator[tuple[Any, Mapping[str, np.ndarray]]]:
    """Open a file: its head, and its arrays, each of them read when it is asked for.

    Args:
        path: the file.
        way_out: what to do where it is damaged, for the message.

    Raises:
        ValueError: the file is damaged, or its contents make no sense to the body of
            the `with`.
    """
    try:
        # Given a path, np.load would leave a damaged file open.
        with opened(path) as stream, np.load(stream) as arrays:
            yield json.loads(str(arrays["head"])), arrays
    except _DAMAGE:
        raise ValueError(f"{path} is damaged; {way_out}") from None
