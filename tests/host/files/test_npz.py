"""An .npz is read as NumPy reads it, or refused before it costs anything."""

import io
import zipfile

import numpy as np
import pytest

from jaxgrok.host import memory
from jaxgrok.host.files.npz import DAMAGE, Npz, PythonObjects, array_of, plain_dtype

ARRAYS = {
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 3), np.float32),
    "text": np.array("héllo"),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "bytes": np.array([b"ab", b"c"]),
    "big": np.arange(3, dtype=">i4"),
    "flags": np.array([True, False]),
}


def saved(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    buffer.seek(0)
    return buffer


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer


def headed(header, content=b""):
    header = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def test_arrays_come_back_as_they_were():
    with Npz(saved(**ARRAYS)) as arrays:
        assert set(arrays) == set(ARRAYS) and len(arrays) == len(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_a_long_text_comes_back():
    text = np.array("x" * 20_000)
    with Npz(saved(head=text)) as arrays:
        assert arrays["head"] == text


def test_the_fingerprint_tells_contents_apart_without_reading_them():
    with Npz(saved(a=np.zeros(3))) as one, Npz(saved(a=np.ones(3))) as other:
        assert one.fingerprint != other.fingerprint
    with Npz(saved(a=np.zeros(3))) as again:
        assert one.fingerprint == again.fingerprint


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<V0', 'fortran_order': False, 'shape': (9,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 9000,
        "__import__('os').system('true')",
    ],
)
def test_a_header_that_lies_is_refused(header):
    with (
        Npz(zipped(a=headed(header, bytes(4)))) as arrays,
        pytest.raises(DAMAGE),
    ):
        arrays["a"]


def test_python_objects_are_never_unpacked():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([{}], dtype=object))
    with Npz(buffer) as arrays, pytest.raises(PythonObjects):
        arrays["a"]
    with pytest.raises(PythonObjects):
        array_of(headed("{'descr': '|O8', 'fortran_order': False, 'shape': (1,), }"))


def test_a_file_that_claims_more_than_it_can_hold_is_refused():
    content = bytearray(saved(a=np.zeros(9)).getvalue())
    at = content.find(b"PK\x01\x02")
    content[at + 24 : at + 28] = (2**31).to_bytes(4, "little")
    with pytest.raises(DAMAGE):
        Npz(io.BytesIO(bytes(content)))


@pytest.mark.parametrize("name", ["O", "|O8", "float32", "<f4,<f4", "<f99999", 3, ""])
def test_no_other_types(name):
    with pytest.raises(ValueError, match="is no type of numbers"):
        plain_dtype(name)


def test_that_memory_is_short_is_no_damage(monkeypatch):
    def empty(*_):
        raise MemoryError

    with Npz(saved(a=np.zeros(9))) as arrays:
        monkeypatch.setattr(np, "empty", empty)
        with pytest.raises(MemoryError) as caught:
            arrays["a"]
    assert not isinstance(caught.value, DAMAGE)


def test_an_array_larger_than_the_memory_is_damage(monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 150)
    with Npz(saved(a=np.zeros(9))) as arrays, pytest.raises(DAMAGE):
        arrays["a"]
