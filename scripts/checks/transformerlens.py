"""Does the real TransformerLens, 4 and 3, compute what we do from exported weights?

    python scripts/checks/transformerlens.py                        # random weights
    python scripts/checks/transformerlens.py runs/x/model.npz       # exported ones
    python scripts/checks/transformerlens.py --venv ~/.venvs --version 3

Each version lives in an environment of its own, tl4 and tl3 in --venv, or in a
temporary folder; it is installed where it is not there. PyPI's torch for Linux brings
gigabytes of CUDA: tell pip of a CPU build (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL).

There the lines of docs/circuit.md that load an export are run as they stand, and the
logits on all p² inputs and the attention from `=` are compared with ours. Without
files: the post's model (p = 113) in several forms, with random weights and biases. The
other way round, TransformerLens changes each network at random and saves it under its
own names, and what was saved is read here.

Both sides compute in float64 from the same float32 weights, and again in float32,
which is shown beside: there rounding alone makes 1e-4 of logits of a few hundred, as a
network that memorised has them. Exit code 0 if nothing differs by more than 1e-9 in
float64 (GELU's two forms are 1e-4 apart), 1 if something does, 2 if there was nothing
to compare. A minute a version on two cores, and two to four to install.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import transformerlens_lines as theirs
from transformerlens_lines import DTYPES, VERSIONS

LIMIT = 1e-9
"""Largest difference allowed in float64."""
TORCH = "torch==2.13.0"
FORMS: dict[str, dict[str, Any]] = {
    "relu, p + 1 outputs": {},
    "relu, p outputs": {"equals_logit": False},
    "gelu, p + 1 outputs": {"activation": "gelu"},
    "gelu, p outputs": {"activation": "gelu", "equals_logit": False},
    "2 layers, layer norm, all biases": {
        "layers": 2,
        "layer_norm": True,
        "biases": "all",
    },
    "attention only": {"attention_only": True, "biases": "none"},
}
"""What differs from the post's model, as fields of the task and of the model."""


def main() -> int:
    """Write our side, have TransformerLens add its own, compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*", type=Path, help="exported .npz files")
    parser.add_argument("--version", choices=(*VERSIONS, "both"), default="both")
    parser.add_argument("--venv", type=Path, help="where tl3 and tl4 are, or go")
    parser.add_argument("--modulus", type=int, default=113, help="of random weights")
    options = parser.parse_args()
    versions = VERSIONS if options.version == "both" else (options.version,)
    with tempfile.TemporaryDirectory(prefix="check-tl-") as temporary:
        cases = Path(temporary) / "cases"
        try:
            for path in options.weights:
                copied(path, cases)
            if not options.weights:
                for name, fields in FORMS.items():
                    random(options.modulus, fields, cases / name)
            worst = np.zeros(len(DTYPES))
            for version in versions:
                folder = (options.venv or Path(temporary)) / f"tl{version}"
                python = environment(folder, version)
                subprocess.run([python, theirs.__file__, cases, version], check=True)
                for case in sorted(cases.iterdir()):
                    worst = np.maximum(worst, compare(case, version))
        except (ValueError, OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    passed = bool(worst[0] <= LIMIT)
    print(
        f"{'PASS' if passed else 'FAIL'}: logits and attention differ by at most "
        f"{worst[0]:.1e} in {DTYPES[0]} (allowed {LIMIT:.0e}), {worst[1]:.1e} in "
        f"{DTYPES[1]}"
    )
    return 0 if passed else 1


def copied(path: Path, cases: Path) -> None:
    """Copy exported weights and their cfg.json to a case."""
    case = cases / f"{len(list(cases.glob('*')))} {path.name}"
    case.mkdir(parents=True)
    # Under the names that the lines of the document read.
    shutil.copy(path, case / "model.npz")
    shutil.copy(path.with_name("cfg.json"), case / "cfg.json")


def random(modulus: int, fields: Mapping[str, Any], case: Path) -> None:
    """Export random weights, biases and norms included, to a case."""
    import jax

    from jaxgrok.circuits.weights.transformerlens import config_of, save_npz
    from jaxgrok.models import transformer
    from jaxgrok.tasks.modular import Modular

    fields = dict(fields)
    task = Modular(modulus=modulus, equals_logit=fields.pop("equals_logit", True))
    model = transformer.build(task, **fields)
    start = model.init(jax.random.key(0), np.zeros((1, 3), np.int32))["params"]
    generator = np.random.default_rng(0)
    params = {name: np.array(w) for name, w in start.items()}
    for name, w in params.items():
        if ".W_" not in name:  # biases and norms start at 0 and 1
            w += generator.normal(scale=0.3, size=w.shape).astype(w.dtype)
    save_npz(case / "model.npz", params, config_of(task, model, seed=0))


def environment(folder: Path, version: str) -> Path:
    """The Python of an environment with TransformerLens, installed if need be."""
    python = folder / "bin" / "python"
    asks = "from importlib.metadata import version as v; print(v('transformer_lens'))"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    reply = subprocess.run([python, "-c", asks], capture_output=True, text=True)
    if reply.returncode or reply.stdout.split(".")[0] != version:
        packages = (f"transformer_lens=={version}.*", TORCH)
        print(f"installing {' and '.join(packages)} in {folder}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *packages], check=True)
    return python


def compare(case: Path, version: str) -> np.ndarray:
    """Print and return the largest differences of a case, one a precision."""
    worst = []
    made = case / version / "made"
    for words, weights, results in (
        ("exported", case, made.parent),
        ("imported", made, made),
    ):
        with np.load(results / "theirs.npz") as file:
            arrays = dict(file)
        own = outputs(weights / "model.npz")
        assert arrays.keys() == own.keys()
        gaps = np.zeros(len(DTYPES))
        for name, array in arrays.items():
            dtype = name.split()[1]
            assert array.dtype == own[name].dtype == dtype
            index = DTYPES.index(dtype)
            # Not Python's max, which may drop a NaN.
            gaps[index] = np.maximum(gaps[index], np.abs(array - own[name]).max())
        logits = arrays[f"answers {DTYPES[0]}"]
        text = ", ".join(f"{d:.1e} in {n}" for d, n in zip(gaps, DTYPES, strict=True))
        print(
            f"{case.name:33} {words}: {text} ({len(logits):,} × {logits.shape[1]} "
            f"logits up to {np.abs(logits).max():.1f}, attention)"
        )
        worst.append(gaps)
    return np.max(worst, axis=0)


def outputs(weights: Path) -> dict[str, np.ndarray]:
    """Our logits and attention from `=` on all p² inputs, in each precision."""
    import jax

    from jaxgrok.circuits.weights.transformerlens import load_npz

    task, model, params = load_npz(weights)
    p = task.modulus
    x, y = np.divmod(np.arange(p**2, dtype=np.int32), p)
    tokens = np.stack([x, y, np.full_like(x, p)], axis=1)
    results = {}
    for dtype in DTYPES:
        with jax.enable_x64(True), jax.default_matmul_precision("highest"):
            cast = {name: w.astype(dtype) for name, w in params.items()}
            logits, acts = jax.jit(model.apply)({"params": cast}, tokens)
        results[f"answers {dtype}"] = np.asarray(logits[:, -1])
        pattern = np.asarray(acts["blocks.0.attn.hook_pattern"])
        results[f"attention {dtype}"] = pattern[:, :, -1]
    return results


if __name__ == "__main__":
    sys.exit(main())
