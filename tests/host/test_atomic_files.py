"""Files are there whole or not at all."""

from jaxgrok.host import atomic_files


def test_write_atomically_replaces(tmp_path):
    file = tmp_path / "a.txt"
    for text in (b"one", b"two"):
        atomic_files.write_atomically(file, text)
        assert file.read_bytes() == text
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
