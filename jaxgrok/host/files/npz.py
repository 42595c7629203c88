"""Read .npz files that anybody may have written: bounded, and never a Python object.

`np.load` believes what a file says: how large an array is before it has looked whether
the file holds that much, and a header that it lets Python's parser read.

>>> with Npz(stream) as arrays: arrays["embed.W_E"].shape
(114, 128)
"""

import contextlib
import errno
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

from jaxgrok.host import memory
from jaxgrok.host.files.sealed import digest

DAMAGE = (
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
"""What reading a damaged file raises: where it was cut or changed decides. That memory
is short (MemoryError) says nothing about a file."""
MOST_FROM_A_BYTE = 1032
"""Bytes that deflate makes of one, at most: files that say more are bombs."""
PIECE = 1 << 20
"""Bytes that are unpacked at a time."""

_HEADER = re.compile(
    rb"\{'descr': '([<>|=][A-Za-z]\d*)', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9, ]*)\), *\} *\n"
)
_PLAIN = re.compile(r"[<>|=]?[?biufcSUV]\d{0,9}")


class PythonObjects(ValueError):
    """An array holds Python objects, which nobody unpacks here."""


class Npz(Mapping[str, np.ndarray]):
    """The arrays of an .npz, each of them read when it is asked for.

    Whatever is wrong with the file raises one of DAMAGE, on opening or on reading.

    Args:
        stream: the file; it stays open as long as arrays are asked for.
    """

    def __init__(self, stream: BinaryIO) -> None:
        with _invalid_is_damage():
            self._zip = zipfile.ZipFile(stream)
            n_bytes = stream.seek(0, 2)
        members = self._zip.infolist()
        self._members = {member.filename: member for member in members}
        self._most = memory.total()
        if len(self._members) < len(members):
            raise ValueError("two arrays have one name")
        if sum(m.file_size for m in members) > n_bytes * MOST_FROM_A_BYTE:
            raise ValueError("it says that it holds more than it can")

    def __enter__(self) -> "Npz":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __iter__(self) -> Iterator[str]:
        return (name.removesuffix(".npy") for name in self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, name: str) -> np.ndarray:
        member = self._members[f"{name}.npy"]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is compressed in another way")
        if member.file_size > self._most:
            raise ValueError("it says that it holds more than the memory")
        with _invalid_is_damage(), self._zip.open(member) as stream:
            content = np.empty(member.file_size, np.uint8)
            start = 0
            while start < len(content):
                piece = stream.read(min(PIECE, len(content) - start))
                if not piece:
                    raise EOFError
                content[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
                start += len(piece)
        return _array(content)

    @property
    def fingerprint(self) -> str:
        """What tells the contents from any other: a hash of all names and checksums.

        It is in the list at the end of the file: no array is read.
        """
        lines = [f"{m.filename} {m.file_size} {m.CRC}" for m in self._zip.infolist()]
        return digest("\n".join(lines).encode())


@contextlib.contextmanager
def _invalid_is_damage() -> Iterator[None]:
    """Raise ValueError for a position that no file has; disks have other errors."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise ValueError("it points outside itself") from None
        raise


def plain_dtype(text: str) -> np.dtype:
    """Return a dtype of numbers, texts or bytes by its name, like `<f4`.

    Raises:
        ValueError: it is another, or none.
    """
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no type of numbers")
    try:
        return np.dtype(text)
    except TypeError:
        raise ValueError(f"{text!r} is no type of numbers") from None


def array_of(content: bytes) -> np.ndarray:
    """Return the array of an .npy; it raises one of DAMAGE if it is none."""
    return _array(np.frombuffer(content, np.uint8))


def _array(content: np.ndarray) -> np.ndarray:
    """Return the array of an .npy, whose bytes are uint8; no byte is copied."""
    start = bytes(content[:12])
    if start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise ValueError("it is no array")
    size = 2 if start[6] == 1 else 4
    begin = 8 + size
    end = begin + int.from_bytes(start[8:begin], "little")
    header = _HEADER.fullmatch(bytes(content[begin : min(end, 4096)]))
    if header is None:
        raise ValueError("its header is none of an array")
    if header[1][1:2] == b"O":
        raise PythonObjects("it holds Python objects, not numbers")
    dtype = plain_dtype(header[1].decode())
    shape = tuple(int(word) for word in header[3].decode().split(",") if word.strip())
    if math.prod(shape) * dtype.itemsize != len(content) - end or not dtype.itemsize:
        raise ValueError("its header says another size")
    order = "F" if header[2] == b"True" else "C"
    values = np.frombuffer(content, dtype, offset=end)
    return values.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]
