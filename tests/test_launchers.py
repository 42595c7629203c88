"""The launchers do what their dry runs print; here with stubs of their tools."""

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from jaxgrok import __version__

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts" / "launch"
WHEEL = f"jaxgrok-{__version__}-py3-none-any.whl"
STUB = """#!/bin/bash
{ printf '%s\\037' "$0" "$@"; echo; } >>"$RECORD"
case "$*" in
*"pip wheel"*) touch "${@: -2:1}/WHEEL" ;;
"-m venv"*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
*"pip install"*) cp "$0" "${0%python}jaxgrok" ;;
*"pip freeze"*) echo jax==0.0 ;;
*"queued-resources describe"*) cat "$STATE" ;;
-c*) echo 3.11 ;;
sweep*) sleep "${SWEEP:-0}" ;;
exec*) cat >/dev/null ;;
esac
""".replace("WHEEL", WHEEL)
TOOLS = ("python", "ssh", "sbatch", "gcloud", "kubectl")
SWEEP = ["sweep", "--grid", "wd_vs_frac:laptop", "--grid.seed=(0, 1)"]
FLAGS = {
    "ssh.sh": ["--listen=10.0.0.1:8786", "one two"],
    "slurm.sbatch": ["--nodes=3", "--partition=a,b"],
    "tpu_vm.sh": ["--zone=us-west4-a", "--slices=2", "--mount=mount -t nfs a:/b /mnt"],
    "kubernetes.sh": ["--claim=disk", "--mount=MOUNT", "--workers=3"],
}
"""Launcher → flags of a sensible call."""


class Bench:
    """A checkout with the launchers, and stubs of the tools that they call."""

    def __init__(self, folder):
        self.folder, self.record = folder, folder / "record"
        self.run = folder / "runs" / "x"
        self.launch = folder / "runs" / "x.launch"
        shutil.copytree(SCRIPTS, folder / "checkout" / "scripts" / "launch")
        (folder / "checkout" / "jaxgrok").mkdir()
        shutil.copy(ROOT / "jaxgrok" / "__init__.py", folder / "checkout" / "jaxgrok")
        (folder / "state").write_text("ACTIVE\n")
        (folder / "bin").mkdir()
        for name in TOOLS:
            (folder / "bin" / name).write_text(STUB)
            (folder / "bin" / name).chmod(0o755)

    def start(self, script, *words, **variables):
        """Run a launcher; return code, output and errors."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        own = {"PATH": path, "PYTHON": "python", "RECORD": str(self.record)}
        own["STATE"] = str(self.folder / "state")
        return subprocess.run(
            ["bash", self.folder / "checkout/scripts/launch" / script, *words],
            env=os.environ | own | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def flags(self, script):
        """Flags and RUN_DIR of a sensible call."""
        flags = [flag.replace("MOUNT", str(self.run.parent)) for flag in FLAGS[script]]
        return [*flags, str(self.run)]

    def calls(self):
        """Which tools were called, each with its words."""
        if not self.record.exists():
            return []
        lines = self.record.read_text().split("\037\n")[:-1]
        return [
            (Path(p).name, *words) for p, *words in (x.split("\037") for x in lines)
        ]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def printed(output):
    """The calls of tools that a dry run prints."""
    lines = [line for line in output.splitlines() if not line.startswith("#")]
    for line in lines:
        _, *words = shlex.split(line)
        # What a shell of its own does: a pipe, or a redirection.
        parts = words[-1].split("|") if line.startswith("bash ") else [line]
        for program, *words in map(shlex.split, parts):
            words = itertools.takewhile(lambda word: word[:1] != ">", words)
            if Path(program).name in (*TOOLS, "jaxgrok"):
                yield (Path(program).name, *words)


@pytest.mark.parametrize("script", FLAGS)
def test_a_dry_run_does_nothing_and_prints_what_is_done(bench, script):
    dry = bench.start(script, "--dry_run", *bench.flags(script), *SWEEP)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert not bench.run.parent.exists()
    # Only Python is asked, for its version.
    assert {call[:2] for call in bench.calls()} <= {("python", "-c")}
    bench.record.unlink(missing_ok=True)
    wet = bench.start(script, *bench.flags(script), *SWEEP)
    assert (wet.returncode, wet.stderr) == (0, "")
    called = [call for call in bench.calls() if call[:2] != ("python", "-c")]
    assert called == list(printed(dry.stdout))


@pytest.mark.parametrize("script", FLAGS)
def test_what_is_installed_is_the_wheel_beside_the_run(bench, script):
    dry = bench.start(script, "--dry_run", *bench.flags(script), *SWEEP)
    words = re.findall(r"\S*jaxgrok\S*\[[a-z,]+\]", dry.stdout.replace("\\", ""))
    assert words
    assert all(word.strip("\"'").endswith(f"/{WHEEL}[fleet]") for word in words[:1])
    # Never a name that an index would be asked for.
    assert all(f"/{WHEEL}[" in word for word in words)


def test_a_run_goes_on_with_the_wheel_that_it_began_with(bench):
    bench.start("slurm.sbatch", str(bench.run), *SWEEP)
    bench.record.unlink()
    again = bench.start("slurm.sbatch", str(bench.run), *SWEEP)
    assert "its wheel goes on" in again.stdout
    assert [call[0] for call in bench.calls()] == ["sbatch"]


def test_an_installation_that_was_interrupted_is_made_anew(bench):
    bench.start("slurm.sbatch", str(bench.run), *SWEEP)
    (bench.launch / "env" / "bin" / "jaxgrok").unlink()
    bench.record.unlink()
    bench.start("slurm.sbatch", str(bench.run), *SWEEP)
    environment = str(bench.launch / "env")
    assert bench.calls()[0] == ("python", "-m", "venv", "--clear", environment)
    assert bench.calls()[1][:5] == ("python", "-P", "-m", "pip", "install")


def test_without_a_command_workers_join(bench):
    array = bench.start("slurm.sbatch", "--dry_run", "--array=1-4", str(bench.run))
    assert array.stdout.splitlines()[-1].startswith("sbatch --nodes=1 --array=1-4 ")
    assert array.stdout.endswith(f"slurm.sbatch {bench.run}\n")
    rack = bench.start("ssh.sh", "--dry_run", "three", str(bench.run))
    assert rack.stdout.splitlines()[-1].startswith("ssh three ")
    assert "--workers" not in rack.stdout


def test_a_machine_that_is_not_reached_is_named_and_the_others_go_on(bench):
    stub = STUB.replace("case", '[ "$1" != one ] || exit 255\ncase', 1)
    (bench.folder / "bin" / "ssh").write_text(stub)
    done = bench.start("ssh.sh", "one two", str(bench.run), *SWEEP)
    assert done.returncode == 0
    assert done.stderr == "warning: one was not reached, and has no worker\n"
    assert [call[0] for call in bench.calls()][-2:] == ["ssh", "jaxgrok"]
    bench.record.unlink()
    none = bench.start("ssh.sh", "one one", str(bench.run), *SWEEP)
    assert none.returncode == 2
    assert "none of the hosts was reached" in none.stderr
    assert "jaxgrok" not in [call[0] for call in bench.calls()]


def test_a_slice_that_was_taken_away_is_asked_for_again(bench):
    (bench.folder / "state").write_text("SUSPENDED\n")
    done = bench.start(
        "tpu_vm.sh", "--look=0.2", *bench.flags("tpu_vm.sh"), *SWEEP, SWEEP="2"
    )
    assert done.returncode == 0
    deeds = [call[4:6] for call in bench.calls() if call[0] == "gcloud"]
    assert deeds[:3] == [("create", f"jaxgrok-{i}") for i in (1, 2)] + [
        ("describe", "jaxgrok-1")
    ]
    assert deeds[3:5] == [("delete", "jaxgrok-1"), ("create", "jaxgrok-1")]
    assert deeds[-2:] == [("delete", "jaxgrok-1"), ("delete", "jaxgrok-2")]


def test_slices_are_deleted_where_the_sweep_fails(bench):
    bench.start("tpu_vm.sh", *bench.flags("tpu_vm.sh"), *SWEEP)
    jaxgrok = bench.launch / "env" / "bin" / "jaxgrok"
    jaxgrok.write_text("#!/bin/sh\nexit 130\n")
    bench.record.unlink()
    done = bench.start("tpu_vm.sh", *bench.flags("tpu_vm.sh"), *SWEEP)
    assert done.returncode == 130
    deeds = [call[4] for call in bench.calls() if call[0] == "gcloud"]
    assert deeds == ["create", "create", "delete", "delete"]


def test_in_a_bucket_lie_neither_the_key_nor_a_lock_of_its_own(bench):
    flags = ["--zone=z", "--slices=1", "--key_secret=fleet", "gs://b/runs/x"]
    dry = bench.start("tpu_vm.sh", "--dry_run", *flags, *SWEEP)
    assert dry.returncode == 0
    lines = dry.stdout.splitlines()
    secret = "gcloud secrets versions access latest --secret=fleet"
    assert f'export JAXGROK_FLEET_KEY="$({secret})"' in lines
    assert f'exec env JAXGROK_FLEET_KEY="$({secret})" bash worker.sh' in dry.stdout
    assert f"'./{WHEEL}[fleet,gcs,tpu]'" in dry.stdout
    assert lines[-2].endswith("--out=gs://b/runs/x --workers=listen")


def test_the_jobs_of_kubernetes_are_filled_in(bench):
    yaml = pytest.importorskip("yaml")
    dry = bench.start(
        "kubernetes.sh", "--dry_run", *bench.flags("kubernetes.sh"), *SWEEP
    )
    lines = [x[6:] for x in dry.stdout.splitlines() if x.startswith("#     ")]
    coordinator, workers = yaml.safe_load_all("\n".join(lines))
    (container,) = coordinator["spec"]["template"]["spec"]["containers"]
    last = container["args"][0].strip().splitlines()[-1]
    flags = [f"--out={bench.run}", "--workers=listen"]
    assert shlex.split(last) == ["exec", "env/bin/jaxgrok", *SWEEP, *flags]
    assert workers["spec"]["completions"] == workers["spec"]["parallelism"] == 3
    assert workers["spec"]["backoffLimitPerIndex"] > 100
    (container,) = workers["spec"]["template"]["spec"]["containers"]
    assert f"python -P -m jaxgrok.worker {bench.run} " in container["args"][0]
    for job in (coordinator, workers):
        (volume,) = job["spec"]["template"]["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == "disk"


BAD = [
    ("ssh.sh", ["a b"], "hosts and RUN_DIR"),
    ("ssh.sh", ["--what", "a", "b"], "--what is unknown; see ssh.sh --help"),
    ("ssh.sh", ["--listen", "a", "b"], "--listen is unknown"),
    ("slurm.sbatch", ["--nodes=2"], "RUN_DIR must be given"),
    ("slurm.sbatch", ["-N", "2"], "-N must be --NAME=VALUE"),
    ("tpu_vm.sh", ["/mnt/x", "sweep"], "--zone must name"),
    ("tpu_vm.sh", ["--zone=z", "--type=v4-16", "/x", "sweep"], "must be of one host"),
    ("tpu_vm.sh", ["--zone=z", "--slices=0", "/x", "sweep"], "--slices=0 must be"),
    ("tpu_vm.sh", ["--zone=z", "gs://b/x", "sweep"], "--key_secret must name"),
    ("tpu_vm.sh", ["--slice=2", "/mnt/x", "sweep"], "--slice=2 is unknown"),
    ("tpu_vm.sh", ["--zone=z", "/mnt/x"], "RUN_DIR and a command must be given"),
    ("kubernetes.sh", ["--dry_run=1", "/runs/x", "sweep"], "--dry_run=1 is unknown"),
    ("kubernetes.sh", ["-d-x", "/runs/x", "sweep"], "-d-x is unknown"),
    ("kubernetes.sh", ["/runs/x", "sweep"], "--claim must name"),
    ("kubernetes.sh", ["--claim=c", "/x", "sweep"], "must be a path below --mount"),
    (
        "kubernetes.sh",
        ["--claim=c", "--workers=no", "/runs/x", "sweep"],
        "--workers=no",
    ),
]


@pytest.mark.parametrize(("script", "words", "message"), BAD)
def test_bad_input_is_one_line(bench, script, words, message):
    done = bench.start(script, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert bench.calls() == []


@pytest.mark.parametrize("script", FLAGS)
def test_every_flag_that_the_help_names_is_read(bench, script):
    done = bench.start(script, "--help")
    assert done.returncode == 0
    assert "#" not in done.stdout.split("\n")[0]
    flags = re.findall(r"^(--\w+)(=?)", done.stdout, re.MULTILINE)
    assert ("--dry_run", "") in flags and len(flags) > 2
    words = [f"{name}=x" if equals else name for name, equals in flags]
    done = bench.start(script, *words, "--what", "one", "two")
    assert done.stderr.startswith("error: --what ")
    assert done.stderr.count("\n") == 1


def test_a_flag_may_be_repeated_where_the_help_says_so(bench):
    files = ["--file=a b.py", "--file=c=d.py"]
    flags = bench.flags("kubernetes.sh")
    dry = bench.start("kubernetes.sh", "--dry_run", *files, *flags, *SWEEP)
    assert "cp 'a b.py' c=d.py jaxgrok.launch/" in dry.stdout.splitlines()


def test_slices_are_spot_unless_another_kind_is_asked_for(bench):
    for switch, expected in ([], True), (["--on_demand"], False):
        flags = [*switch, *bench.flags("tpu_vm.sh")]
        dry = bench.start("tpu_vm.sh", "--dry_run", *flags, *SWEEP)
        creations = [x for x in dry.stdout.splitlines() if " create " in x]
        assert len(creations) == 2
        assert {"--spot" in shlex.split(line) for line in creations} == {expected}


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
def test_shellcheck_finds_nothing():
    scripts = [*SCRIPTS.glob("*.s*"), *(ROOT / "scripts" / "checks").glob("*.sh")]
    assert len(scripts) == 7
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True)
    assert done.stdout == ""


def keep_alive(tmp_path, program):
    """Start worker.sh with a program in the place of Python."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/bash\necho "$*" >>{tmp_path}/calls\n{program}\n')
    python.chmod(0o755)
    return subprocess.Popen(
        ["bash", SCRIPTS / "worker.sh", python, "runs/x", "--wait=9"],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.process
@pytest.mark.parametrize("code", [0, 1, 2, 143])
def test_a_worker_that_ends_is_not_started_again(tmp_path, code):
    process = keep_alive(tmp_path, f"exit {code}")
    assert process.communicate(timeout=20) == (None, "")
    assert process.returncode == code
    assert (tmp_path / "calls").read_text() == "-P -m jaxgrok.worker runs/x --wait=9\n"


@pytest.mark.process
def test_a_worker_that_is_killed_is_started_again(tmp_path):
    process = keep_alive(
        tmp_path, f"[ -e {tmp_path}/x ] || {{ >{tmp_path}/x; kill -9 $$; }}"
    )
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "worker.sh: the worker died (code 137)" in errors
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


@pytest.mark.process
def test_a_worker_that_dies_at_once_is_given_up(tmp_path):
    process = keep_alive(tmp_path, "kill -9 $$")
    process.communicate(timeout=40)
    assert process.returncode == 137
    assert len((tmp_path / "calls").read_text().splitlines()) == 5


@pytest.mark.process
def test_a_worker_is_asked_to_stop_by_a_signal_to_its_keeper(tmp_path):
    process = keep_alive(tmp_path, "trap 'sleep 0.3; exit 143' TERM; sleep 20 & wait")
    while not (tmp_path / "calls").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143


@pytest.mark.process
@pytest.mark.slow
def test_the_wheel_is_built_and_installed(tmp_path):
    for name in ("jaxgrok", "sweeps", "scripts/launch"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "checkout")
    # Its dependencies are those of this environment.
    program = """
        source checkout/scripts/launch/common.sh
        build_wheel launch && PIP_NO_DEPS=1 install_wheel launch"""
    subprocess.run(
        ["bash", "-ec", program],
        env=os.environ | {"PYTHON": sys.executable},
        cwd=tmp_path,
        check=True,
    )
    launch = tmp_path / "launch"
    assert {x.name for x in launch.iterdir()} == {WHEEL, "worker.sh", "env"}
    (site,) = (launch / "env").glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [launch / "env" / "bin" / "jaxgrok", "--version"],
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (f"jaxgrok {__version__}\n", "")
