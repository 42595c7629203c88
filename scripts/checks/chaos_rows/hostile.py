"""What somebody might put into the files of a run directory, with checksums that fit.

>>> hostile_json(random.Random(0), {"format": 2, "cells": []})
{'format': nan, 'cells': []}
"""

import copy
import io
import json
import random
import zipfile
from typing import Any

import numpy as np

NAMES = ("../../etc/passwd", "/etc/passwd", "..", "cells-../x.npz", "a\x00b", "")
DEEP = 100_000


def value(draw: random.Random) -> Any:
    """Return something that is not what was there."""
    choices = [
        lambda: draw.choice(NAMES),
        lambda: draw.choice([float("nan"), float("inf"), -1, -(2**63), 2**80, 1e308]),
        lambda: 10 ** draw.randrange(400),
        lambda: draw.choice([None, True, False, [], {}, [[]], {"a": {}}, 0, ""]),
        lambda: [draw.choice([0, -1, 2**40, "x", None])] * draw.randrange(1, 9),
        lambda: {"__class__": "os.system", "file": draw.choice(NAMES)},
        lambda: "x" * draw.randrange(1, 10_000),
        lambda: draw.choice(["O", "|O", "<f8", "V9999999", "<U999999999", "object"]),
    ]
    return draw.choice(choices)()


def hostile_json(draw: random.Random, entries: Any) -> Any:
    """Return entries of which a few, at any depth, are changed, gone or new."""
    changed = copy.deepcopy(entries)
    for _ in range(draw.randint(1, 3)):
        changed = _changed(draw, changed)
    return changed


def _changed(draw: random.Random, entries: Any) -> Any:
    """Change one entry at some depth."""
    if not isinstance(entries, dict | list) or not entries or draw.random() < 0.15:
        return value(draw)
    keys = list(entries) if isinstance(entries, dict) else [*range(len(entries))]
    key = draw.choice(keys)
    what = draw.random()
    if what < 0.1:
        del entries[key]
    elif what < 0.2:
        if isinstance(entries, dict):
            entries[draw.choice([*NAMES, "colour"])] = value(draw)
        else:
            entries.append(value(draw))
    else:
        entries[key] = _changed(draw, entries[key])
    return entries


def hostile_text(draw: random.Random, entries: Any) -> str:
    """Return JSON of changed entries, now and then nested as deep as nobody needs."""
    if draw.random() < 0.02:
        opening = draw.choice(["[", '{"a":'])
        return '{"format": 2, "cells": ' + opening * DEEP + "}"
    return json.dumps(hostile_json(draw, entries))


def hostile_bytes(draw: random.Random, content: bytes) -> bytes:
    """Return bytes of which some are changed, gone or doubled."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(changed) or 1)
        kind = draw.random()
        if kind < 0.6 and changed:
            changed[at] = draw.choice([0, 255, draw.randrange(256), 0x7F, 0x80])
        elif kind < 0.8:
            del changed[at : at + draw.randrange(64)]
        else:
            end = at + draw.randrange(64)
            changed[at:at] = changed[at:end]
    return bytes(changed)


def hostile_npz(draw: random.Random, members: dict[str, bytes]) -> bytes:
    """Return a zip of members one of which lies: in its head, its header, its size."""
    members = dict(members)
    name = draw.choice(list(members))
    kind = draw.randrange(6)
    if kind == 0 and "head.npy" in members:
        entries = json.loads(str(np.load(io.BytesIO(members["head.npy"]))))
        array = np.array(hostile_text(draw, entries))
        members["head.npy"] = npy(array)
    elif kind == 1:
        members[name] = lying_header(draw, members[name])
    elif kind == 2:
        members[name] = npy(other_array(draw))
    elif kind == 3:
        members[name] = hostile_bytes(draw, members[name])
    elif kind == 4:
        del members[name]
    buffer = io.BytesIO()
    how = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(buffer, "w", how) as file:
        for member, content in members.items():
            file.writestr(member, content)
    content = buffer.getvalue()
    return lying_sizes(draw, content) if kind == 5 else content


def npy(array: np.ndarray) -> bytes:
    """Return an array as bytes of an .npy, Python objects pickled."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def other_array(draw: random.Random) -> np.ndarray:
    """Return an array of another type or shape."""
    return draw.choice(
        [
            np.array([Danger()], dtype=object),
            np.zeros((0, 3), np.float32),
            np.full((2, 2, 2), np.nan),
            np.arange(7),
            np.array(["x" * 100]),
            np.array(draw.choice(["[]", "{}", "null", "1", '"x"', "[[[", "[{}]"])),
            np.zeros(3, [("a", "<i4"), ("b", "<f8")]),
        ]
    )


class Danger:
    """What must never be unpacked: it would say so."""

    unpacked = False

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return (mark, ())


def mark() -> None:
    """Take note that a Python object of a file was unpacked."""
    Danger.unpacked = True


def lying_header(draw: random.Random, content: bytes) -> bytes:
    """Return an .npy whose header says another type, shape or nesting."""
    shape = draw.choice(
        ["(1000000000000,)", "(-1,)", "(99999, 99999, 99999)", "(" * 5000, "(0,)", "()"]
    )
    dtype = draw.choice(["'<f4'", "'|O'", "'<U999999999'", "[('a', '<f4')]", "'V0'"])
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"
    header = header.encode().ljust(118)[:65_000] + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    return start + header + content[128:]


def lying_sizes(draw: random.Random, content: bytes) -> bytes:
    """Return a zip whose list says another size, checksum or position."""
    changed = bytearray(content)
    at = content.find(b"PK\x01\x02")
    field = draw.choice([(16, 4), (20, 4), (24, 4), (28, 2), (42, 4), (10, 2)])
    number = draw.choice([0, 1, 2**31 - 1, 2**32 - 1, draw.randrange(2**16)])
    start = at + field[0]
    changed[start : start + field[1]] = number.to_bytes(8, "little")[: field[1]]
    return bytes(changed)
