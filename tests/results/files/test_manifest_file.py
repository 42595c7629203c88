"""The newest of the manifest and its copy that is whole counts."""

import pytest
from absl import logging

from jaxgrok.results.files import manifest_file
from jaxgrok.results.files.manifest_file import COPY, FILE


@pytest.fixture
def run_dir(tmp_path):
    for edition in (1, 2):
        manifest_file.write(tmp_path, f'{{"format": 2, "usage": {edition}}}', edition)
    return tmp_path


def test_both_files_say_the_same(run_dir):
    assert manifest_file.read(run_dir) == {"format": 2, "usage": 2}
    assert (run_dir / FILE).read_bytes() == (run_dir / COPY).read_bytes()
    assert manifest_file.edition(run_dir) == 2


@pytest.mark.parametrize("content", [None, b"", b"{", b"stale"])
@pytest.mark.parametrize("name", [FILE, COPY])
def test_one_that_is_lost_is_made_anew_of_the_other(run_dir, name, content, caplog):
    logging.use_python_logging()
    whole = (run_dir / FILE).read_bytes()
    if content is None:
        (run_dir / name).unlink()
    elif content == b"stale":
        (run_dir / "older").mkdir()
        manifest_file.write(run_dir / "older", '{"format": 2, "usage": 1}', 1)
        (run_dir / name).write_bytes((run_dir / "older" / FILE).read_bytes())
    else:
        (run_dir / name).write_bytes(content)
    assert manifest_file.read(run_dir) == {"format": 2, "usage": 2}
    lines = manifest_file.mend(run_dir)
    # A copy that is older is what a kill leaves, and nothing to speak of.
    assert len(lines) == (name == FILE or content != b"stale")
    assert (run_dir / FILE).read_bytes() == (run_dir / COPY).read_bytes() == whole
    assert manifest_file.mend(run_dir) == []
    aside = run_dir / f"{name}.damaged"
    assert aside.exists() == (content in (b"", b"{"))


def test_without_both_it_is_named(run_dir):
    for name in (FILE, COPY):
        content = (run_dir / name).read_bytes()
        (run_dir / name).write_bytes(content.replace(b'"usage": 2', b'"usage": 3'))
    with pytest.raises(manifest_file.Unreadable, match=r"manifest\.json is damaged"):
        manifest_file.read(run_dir)
    assert manifest_file.mend(run_dir) == []


def test_a_manifest_without_its_checksum_is_damaged(run_dir):
    (run_dir / COPY).unlink()
    (run_dir / FILE).write_text('{"format": 2}')
    with pytest.raises(ValueError, match="it has no checksum"):
        manifest_file.read(run_dir)
