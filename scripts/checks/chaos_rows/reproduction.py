"""The same command, on this machine, in every other way: are the bytes the same?

Twice, on one and two devices, with programs compiled anew, loaded and never cached,
from a checkout and from a wheel, in this Python and in another. Compared are cells.csv,
components.csv, the curves and, where they are kept, the snapshots.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from chaos_rows import pythons
from chaos_rows.job import Job

ROOT = Path(__file__).resolve().parents[3]
TINY = '''"""Cells of a blink."""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base("laptop")
    config.model = "mlp"
    config.update(modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16, block_width=2)
    config.update(train_fraction=(0.5,), steps=(40,), eval_every=10)
    config.seed = tuple(range(6))
    return config
'''
WHOLE = '''"""Several programs: optimisers, batches, dropout, measures, snapshots."""

from jaxgrok import grid


def get_config(scale="auto"):
    config = grid.base("laptop")
    config.update(modulus=19, steps=(200,), train_fraction=(0.4, 0.8), seed=(0, 1))
    config.update(weight_decay=(0.0, 1.0), measures="fourier", block_width=4)
    config.update(snapshots="all", snapshot_every=100, snapshot_early_until=0)
    config.chain.adamw = {}
    config.chain.batch = {"batch_size": 64, "dropout": (0.1,)}
    config.chain.muon = {"optimiser": "muon"}
    return config
'''
PROGRAM = """
import contextlib, hashlib, json, sys
from pathlib import Path
from jaxgrok.__main__ import main
with contextlib.redirect_stdout(sys.stderr):
    code = main(["jaxgrok", "sweep", *sys.argv[1:]])
import jax, jaxgrok
from jaxgrok.results.files.shards import read_results
run, digests = jaxgrok.open(sys.argv[-1]), {}
for name in ("cells.csv", "components.csv"):
    if (run.path / name).exists():
        digests[name] = hashlib.sha256((run.path / name).read_bytes()).hexdigest()
curves, snapshots = hashlib.sha256(), hashlib.sha256()
for cell_id, result in sorted(read_results(run.path).items()):
    curves.update(f"{cell_id} {result.status} {result.records.dtype}".encode())
    curves.update(result.records.tobytes())
for kin, steps in sorted(run.snapshots.every().items()):
    for name, array in sorted(run.snapshots.load(kin, sorted(steps)).items()):
        snapshots.update(f"{kin} {name} {array.dtype}".encode() + array.tobytes())
digests["curves"] = curves.hexdigest()
if run.snapshots.trainings():
    digests["snapshots"] = snapshots.hexdigest()
facts = {"python": sys.version.split()[0], "jax": jax.__version__}
facts |= {"code": str(Path(jaxgrok.__file__).parent), "devices": jax.device_count()}
bits = {name: str(value) for name, value in run.manifest.bits.items()}
print(json.dumps({"exit": code, "digests": digests, "facts": facts, "bits": bits}))
"""
TWO = {"NPROC": "2", "JAX_NUM_CPU_DEVICES": "2"}
ONE = {"NPROC": "2", "JAX_NUM_CPU_DEVICES": "1"}
THREAD = {"NPROC": "1", "JAX_NUM_CPU_DEVICES": "1"}
UNCACHED = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
HOURS = 1.0


class Way(NamedTuple):
    """One way to run the command.

    Attributes:
        name: of it.
        environment: variables.
        code: folder that holds the package.
        python: that runs it.
    """

    name: str
    environment: dict[str, str]
    code: Path = ROOT
    python: str = sys.executable


def run(job: Job) -> None:
    """Run the command in every way, and compare all with the first."""
    grid = job.work / "reproduced.py"
    grid.write_text(TINY if job.quick else WHOLE)
    cache = {"JAX_COMPILATION_CACHE_DIR": str(job.work / "programs")}
    if job.quick:  # with the programs of earlier tests, if there are any
        cache = {}
    first = answer_of(job, Way("two devices", TWO | cache), grid)
    for way in ways(job, cache):
        compare(job, way.name, first, answer_of(job, way, grid))
    if not job.quick:
        one_thread(job, first, answer_of(job, Way("one thread", THREAD | cache), grid))


def ways(job: Job, cache: dict[str, str]) -> list[Way]:
    """Return the other ways to run the command."""
    found = [Way("one device", ONE | cache)]
    if job.quick:
        return found
    found += [
        Way("again, programs loaded", TWO | cache),
        Way("again, nothing cached", TWO | UNCACHED),
    ]
    try:
        wheel = unpacked_wheel(job.work)
    except ValueError as error:
        job.check("a wheel can be built", False, str(error))
        return found
    found.append(Way("a wheel", TWO | cache, wheel))
    if other := other_python(job):
        version, python = other
        found.append(Way(f"Python {version}", TWO | UNCACHED, wheel, python))
    return found


def unpacked_wheel(work: Path) -> Path:
    """Build a wheel of the checkout and unpack it; ValueError if that fails."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    # A copy: a build leaves folders behind, and other rows read the checkout.
    source = work / "source"
    listed = git("ls-files", "-z", "-co", "--exclude-standard").split(b"\0")
    for name in map(os.fsdecode, filter(None, listed)):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command += ["--wheel-dir", str(work / "wheels"), str(source)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise ValueError(ran.stderr.strip()[-300:])
    (file,) = (work / "wheels").glob("*.whl")
    folder = work / "unpacked"
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


def git(*words: str) -> bytes:
    """Return what a git command says of this checkout."""
    return subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.PIPE).stdout


def other_python(job: Job) -> tuple[str, str] | None:
    """Return the newest other Python that can have these packages; say why not."""
    left_out = {}
    for version, python in pythons.others():
        folder = job.out / "pythons" / version
        try:
            return version, pythons.environment(python, folder, job.work / "source")
        except ValueError as error:
            left_out[version] = str(error)
        finally:
            job.say(pythons_left_out=left_out)
    if not left_out:
        job.say(pythons_left_out="no other Python on this machine")
    return None


def answer_of(job: Job, way: Way, grid: Path) -> dict[str, Any]:
    """Run the command in one way: what came out, hashed, and what it ran on."""
    folder = job.work / way.name.replace(" ", "_").replace(",", "")
    inherited = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
    own = way.environment | {"PYTHONPATH": str(way.code), "JAX_PLATFORMS": "cpu"}
    out = folder / "run"
    folder.mkdir()
    command = [way.python, "-c", PROGRAM, "--grid", str(grid), "--out", str(out)]
    ran = subprocess.run(
        command,
        env=inherited | own,
        cwd=folder,  # not a checkout, which Python would look at first
        capture_output=True,
        text=True,
        timeout=3600 * HOURS,
    )
    (folder / "words.txt").write_text(ran.stderr)
    if ran.returncode:
        raise ValueError(f"{way.name}: {ran.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    job.say(**{way.name: answer["facts"] | {"exit": answer["exit"]}})
    right = answer["exit"] == 0 and answer["facts"]["code"] == str(way.code / "jaxgrok")
    devices = int(way.environment["JAX_NUM_CPU_DEVICES"])
    right = right and answer["facts"]["devices"] == devices
    job.check(f"{way.name}: as asked for", right, str(answer["facts"]))
    return answer


def compare(job: Job, name: str, first: dict[str, Any], other: dict[str, Any]) -> None:
    """Check that everything is the same as in the first way."""
    differing = differences(first["digests"], other["digests"])
    bits = differences(first["bits"], other["bits"])
    words = f"{', '.join(first['digests'])} are the same bytes"
    if differing:
        words = f"{differing} differ; of what decides bits: {bits or 'nothing'}"
    job.check(f"{name}: the same", not differing, words)


def one_thread(job: Job, first: dict[str, Any], other: dict[str, Any]) -> None:
    """Check that another number of threads is recorded, whether it shows or not."""
    differing = differences(first["digests"], other["digests"])
    bits = differences(first["bits"], other["bits"])
    words = f"{differing or 'nothing'} differ; the manifest says {bits}"
    job.check("one thread: recorded as other bits", bits == ["cpu_threads"], words)


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the names of what is not the same."""
    return [name for name in one if one[name] != other.get(name)]
