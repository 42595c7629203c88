"""Paths of objects: as pathlib's where runs use them, on a store without folders."""

import errno
import io
from pathlib import Path, PurePosixPath

import pytest

from jaxgrok.host.files import object_path, object_store
from jaxgrok.host.files.object_path import ObjectPath, is_url
from jaxgrok.host.files.object_store import StoreError


@pytest.fixture
def folder(bucket):
    return ObjectPath(bucket) / "runs"


@pytest.mark.parametrize(
    "name", ["cells.csv", "0001-2-3", "lanes.npz", "x=1.5,seed=0", ".lock", "a.b.c"]
)
def test_the_parts_of_a_name_are_those_of_pathlib(name):
    path, other = ObjectPath("gs://b/runs") / name, PurePosixPath("/b/runs") / name
    for part in ("name", "stem", "suffix"):
        assert getattr(path, part) == getattr(other, part)
    assert path.parent == ObjectPath("gs://b/runs")
    assert path.with_name("y").url == "gs://b/runs/y"
    assert path.with_suffix(".json").name == other.with_suffix(".json").name


def test_slashes_too_many_change_nothing():
    path = ObjectPath("s3://b//runs/x/")
    assert str(path) == "s3://b/runs/x"
    assert path == ObjectPath("s3://b/runs") / "x"
    assert len({path, ObjectPath("s3://b/runs/x")}) == 1
    assert path.bucket == "b"
    assert ObjectPath("s3://b").parent == ObjectPath("s3://b")


@pytest.mark.parametrize("url", ["ftp://b/x", "http://b/x", "abfs://b"])
def test_an_unknown_scheme_is_refused_with_those_there_are(url):
    with pytest.raises(ValueError, match="is unknown; choose gs:// or s3://"):
        ObjectPath(url)


@pytest.mark.parametrize("url", ["gs://", "s3:///"])
def test_a_url_without_a_bucket_is_refused(url):
    with pytest.raises(ValueError, match=r"has no bucket; write .*://BUCKET/NAME"):
        ObjectPath(url)


def test_a_drive_of_windows_is_no_scheme():
    assert is_url("gs://b/x")
    assert not any(map(is_url, ["C://runs", "C:/runs", "runs/x", "a b://x"]))


def test_a_folder_is_there_while_an_object_lies_below_it(folder):
    file = folder / "curves" / "1.npz"
    assert not folder.exists()
    assert list(folder.iterdir()) == []
    (folder / "curves").mkdir(exist_ok=True)
    assert not folder.exists()
    file.write_bytes(b"abc")
    assert folder.is_dir()
    assert (folder / "curves").is_dir()
    assert file.exists()
    assert not file.is_dir()
    assert [*folder.iterdir()] == [folder / "curves"]
    file.unlink()
    assert not folder.exists()


def test_what_is_written_is_read_whole_in_parts_and_as_text(folder, monkeypatch):
    data = "größer ".encode() * 50
    (folder / "x").write_bytes(b"old")
    (folder / "x").write_bytes(data)
    assert (folder / "x").read_bytes() == data
    assert (folder / "x").read_text() == data.decode()
    monkeypatch.setattr(object_path, "PART_BYTES", 7)
    memory = object_store._filesystem("memory")
    cat_file = memory.cat_file

    # The arguments of s3fs, which stand in another order.
    def cat_file_of_s3(path, version_id=None, start=None, end=None):
        assert version_id is None
        return cat_file(path, start=start, end=end)

    monkeypatch.setattr(memory, "cat_file", cat_file_of_s3)
    with (folder / "x").opened() as file:
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        assert file.read() == b""
        assert file.seek(3) == 3
        assert file.seek(2, io.SEEK_CUR) == 5
        assert file.read(20) == data[5:25]
        file.seek(0)
        assert file.read() == data


def test_a_glob_matches_a_part_a_level(folder):
    for name in ("1.npz", "._2.npz", "3.json", "a/c.json", "b/c.json", "b/d.json"):
        (folder / name).write_bytes(b"")
    assert [p.name for p in folder.glob("[!.]*.npz")] == ["1.npz"]
    assert sorted(p.url[-8:] for p in folder.glob("*/c.json")) == [
        "a/c.json",
        "b/c.json",
    ]


def test_of_two_who_create_an_object_one_succeeds(folder):
    (folder / "x").create(b"first")
    with pytest.raises(FileExistsError, match="already"):
        (folder / "x").create(b"second")
    assert (folder / "x").read_bytes() == b"first"


def test_what_is_missing_raises_as_on_a_disk(folder):
    for read in ("read_bytes", "opened", "modified", "size", "unlink"):
        with pytest.raises(FileNotFoundError, match="there is no such object"):
            getattr(folder / "x", read)()
    (folder / "x").unlink(missing_ok=True)
    folder.remove_tree()


def test_folders_are_copied_from_and_to_a_disk(folder, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"1")
    (tmp_path / "a" / "y").write_bytes(b"2")
    folder.copy_from(tmp_path / "a")
    assert (folder / "b" / "x").read_bytes() == b"1"
    folder.copy_to(tmp_path / "c")
    files = [p.relative_to(tmp_path / "c") for p in (tmp_path / "c").rglob("*")]
    assert sorted(files) == [Path("b"), Path("b/x"), Path("y")]
    folder.remove_tree()
    assert not folder.exists()


def test_every_write_and_removal_is_checked_also_of_what_lies_below(folder):
    (folder / "x").write_bytes(b"1")

    def refuse():
        raise OSError(errno.EBUSY, "no more")

    checked = ObjectPath(folder.url, check=refuse) / "y"
    for path in (checked, checked.with_name("x"), checked.parent / "x"):
        for act in (
            lambda p=path: p.write_bytes(b"2"),
            lambda p=path: p.create(b"2"),
            lambda p=path: p.unlink(missing_ok=True),
            lambda p=path: p.remove_tree(),
        ):
            with pytest.raises(OSError, match="no more"):
                act()
    assert checked.with_name("x").read_bytes() == b"1"
    assert not checked.exists()


def test_a_write_that_finds_no_bucket_names_it(folder, monkeypatch):
    memory = object_store._filesystem("memory")

    def missing(*_, **__):
        raise FileNotFoundError("The specified bucket does not exist")

    monkeypatch.setattr(memory, "pipe_file", missing)
    with pytest.raises(StoreError, match=f"there is no bucket {folder.bucket}"):
        (folder / "x").write_bytes(b"")
    monkeypatch.setattr(ObjectPath, "scheme", "s3")
    monkeypatch.setattr(memory, "info", missing)
    with pytest.raises(StoreError, match=f"there is no bucket {folder.bucket}"):
        folder.refuse_missing_bucket()

    def forbidden(*_):
        raise PermissionError("Forbidden")

    # The right to look at the bucket itself is not needed.
    monkeypatch.setattr(memory, "info", forbidden)
    folder.refuse_missing_bucket()
