"""A figure is written whole or not at all."""

import pytest
from drawn import phase_table

from jaxgrok.plots.files import save
from jaxgrok.plots.sweep import phase_diagram

pytestmark = pytest.mark.filterwarnings("error")


def test_save_writes_the_kind_that_the_name_says(tmp_path):
    figure = phase_diagram(phase_table())
    save(figure, tmp_path / "phases.png")
    save(figure, str(tmp_path / "phases.svg"))
    assert (tmp_path / "phases.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "phases.svg").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phases.png", "phases.svg"]
    with pytest.raises(ValueError, match=r"path=.*phases.jpg.* must end in .png"):
        save(figure, tmp_path / "phases.jpg")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "phases.png"
    path.write_bytes(b"old")
    figure = phase_diagram(phase_table())

    def half(name, **_):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        save(figure, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["phases.png"]
