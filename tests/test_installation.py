"""The main job runs from a wheel, an editable install and a bare checkout."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import tiny

ROOT = Path(__file__).parent.parent
SOURCES = ("jaxgrok", "sweeps", "setup.py", "setup.cfg", "pyproject.toml", "README.md")
# The finder of an editable install comes last, behind a package that this Python has.
PROGRAM = """
import sys
sys.meta_path.sort(key=lambda f: not getattr(f, "__module__", "").startswith("__edit"))
from jaxgrok.__main__ import main
sys.exit(main(["jaxgrok", *sys.argv[1:]]))
"""
TINY = [
    "--grid.modulus=7",
    "--grid.seed=(0,)",
    "--grid.weight_decay=(1.0,)",
    "--grid.train_fraction=(0.5,)",
    "--grid.steps=(50,)",
]


README = (ROOT / "README.md").read_text(encoding="utf-8")
stand_alone = runpy.run_path(str(ROOT / "setup.py"))["stand_alone"]


def test_a_package_index_shows_every_picture():
    home = "https://example.org/jaxgrok/raw/v1/"
    page = stand_alone(README, home)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert len(targets) == len(re.findall(r"\]\(", README)) > 5
    assert all(target.startswith("https://") for target in targets)
    assert f"]({home}docs/report.png)" in page


def test_without_an_address_a_package_index_shows_no_broken_link():
    page = stand_alone(README, "")
    assert re.findall(r"\]\((?!https?:)", page) == []
    assert "conditions are in LOG." in page


EDITABLE = pytest.param("editable", marks=pytest.mark.slow)


@pytest.fixture(
    params=["wheel", EDITABLE, pytest.param("checkout", marks=pytest.mark.slow)]
)
def python(request, tmp_path):
    """A Python of its own that has jaxgrok in this way, and else what this one has."""
    source = tmp_path / "source"
    source.mkdir()
    for name in (*SOURCES, "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    venv.create(tmp_path / "env", symlinks=True)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    executable = tmp_path / "env" / "bin" / "python"
    if request.param == "checkout":
        (site / "checkout.pth").write_text(str(source))
        return executable
    command = [sys.executable, "-m", "pip", "--quiet", "--python", str(executable)]
    options = ["--editable"] if request.param == "editable" else []
    subprocess.run(
        [*command, "install", "--no-deps", *options, str(source)],
        check=True,
        capture_output=True,
    )
    return executable


@pytest.mark.process
def test_a_wheel_says_the_commit_that_it_was_built_from(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in (*SOURCES, "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    git = ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps"]
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from jaxgrok.host.source import commit; print(commit())",
        ],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{commit}\n"


@pytest.mark.process
def test_the_main_job_runs_by_its_name(python, tmp_path):
    def jaxgrok(*words):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return subprocess.run(
            [str(python), "-c", PROGRAM, *words],
            cwd=elsewhere,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            | {"XLA_FLAGS": tiny.UNOPTIMISED},
            capture_output=True,
            text=True,
            check=False,
        )

    listed = jaxgrok("grids")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "wd_vs_frac: " in listed.stdout
    assert jaxgrok("grids", "--copy", "mainline").stdout == "mainline.py\n"
    done = jaxgrok("sweep", "--grid", "wd_vs_frac", *TINY, "--out", "run")
    assert done.returncode == 0, done.stderr
    manifest = (tmp_path / "elsewhere" / "run" / "manifest.json").read_text()
    assert str(tmp_path) in manifest.partition('"grid_file"')[2]
