"""Trees of arrays are complete or absent, and a failure is one error."""

import errno
import logging
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from jaxgrok.host import background
from jaxgrok.host.files.trees import read_tree, write_tree

TREE = {"a": {"b": np.arange(3.0)}}
# As tensorstore words it.
FULL = (
    'RESOURCE_EXHAUSTED: Error writing "c/0": Failed to write 48 bytes to file 18: '
    "No space left on device [os_error_code='28']"
)


@pytest.mark.parametrize("compress", [True, False])
def test_a_tree_is_read_back(tmp_path, compress):
    write_tree(tmp_path / "1", TREE, compress=compress)
    np.testing.assert_array_equal(ocp.load(tmp_path / "1")["a"]["b"], TREE["a"]["b"])
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("name", ["plain", "a[1]", "what?", "all*"])
def test_a_folder_s_name_is_no_pattern(tmp_path, name):
    (tmp_path / name).mkdir()
    path = tmp_path / name / "1"
    write_tree(path, TREE["a"] | {"c": np.ones(2)}, compress=False)
    arrays = read_tree(path, {"b": np.empty(3)})
    assert list(arrays) == ["b"]
    np.testing.assert_array_equal(arrays["b"], TREE["a"]["b"])
    assert [path.name for path in (tmp_path / name).iterdir()] == ["1"]


def failing(monkeypatch, error):
    """Let orbax fail half way, as on a full disk; return what its threads print."""
    printed = []

    def save(path, tree):
        path.with_name(f"{path.name}.orbax-checkpoint-tmp").mkdir()
        logging.getLogger("absl").error("a thread has failed\nTraceback …")
        sys.unraisablehook(SimpleNamespace(exc_value=late))
        sys.unraisablehook(SimpleNamespace(exc_value="another"))
        raise error

    late = RuntimeError("Event loop is closed")
    monkeypatch.setattr(sys, "unraisablehook", lambda u: printed.append(u.exc_value))
    monkeypatch.setattr(ocp, "save", save)
    monkeypatch.setattr(background, "_abandoned", threading.Event())
    return printed


@pytest.mark.parametrize("error", [ValueError(FULL), OSError(28, "No space left")])
def test_a_full_disk_is_an_os_error_and_leaves_nothing(
    tmp_path, monkeypatch, capsys, caplog, error
):
    printed = failing(monkeypatch, error)
    with pytest.raises(OSError, match="No space left") as caught:
        write_tree(tmp_path / "1", TREE)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
    assert (capsys.readouterr().err, caplog.records) == ("", [])
    assert printed == ["another"]
    assert background._abandoned.is_set()


def test_an_error_that_is_not_the_disk_s_stays_as_it_is(tmp_path, monkeypatch):
    failing(monkeypatch, ValueError("no such dtype"))
    with pytest.raises(ValueError, match="no such dtype"):
        write_tree(tmp_path / "1", TREE)
    assert list(tmp_path.iterdir()) == []
