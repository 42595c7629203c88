"""A run directory holds nothing else."""

import pytest

from jaxgrok.results.run_folder import refuse_strangers


def test_what_a_killed_run_or_a_system_leaves_is_no_stranger(tmp_path):
    for name in (".DS_Store", "._x", ".lock", ".lock.holder", ".manifest.json.1.tmp"):
        (tmp_path / name).write_text("")
        refuse_strangers(tmp_path)


def test_another_file_is_named_unless_there_is_a_manifest(tmp_path):
    (tmp_path / "one.tex").write_text("dear")
    with pytest.raises(ValueError, match=r"^out=.* holds other files \(one.tex, …\)"):
        refuse_strangers(tmp_path, "out=")
    (tmp_path / "manifest.json").write_text("{}")
    refuse_strangers(tmp_path)
