"""Does the real TransformerLens 4 compute our logits from our exported weights?

    python scripts/checks/transformerlens.py                        # random weights
    python scripts/checks/transformerlens.py runs/x/model.npz       # exported ones
    python scripts/checks/transformerlens.py --venv ~/.venvs/tl     # kept for later

TransformerLens lives in an environment of its own: --venv, or one in a temporary
folder; it is installed where it is not there. PyPI's torch for Linux brings gigabytes
of CUDA: tell pip of a CPU build (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL) to avoid it.

There the weights are loaded with `boot_native` and `convert_tl_checkpoint`, and logits
on all p² inputs are compared with ours. Without files: the post's model (p = 113) in
several forms, with random weights and biases. The other way round, networks of the
same forms that TransformerLens made and saved under its names are read here.

Both sides compute in float64 from the same float32 weights, and again in float32,
which is shown beside: there rounding alone makes 1e-4 of logits of a few hundred, as a
network that memorised has them. Exit code 0 if no logit differs by more than 1e-9 in
float64 (GELU's two forms are 1e-4 apart), 1 if one does, 2 if there was nothing to
compare. A minute on two cores, and two to four to install.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 1e-9
"""Largest difference of logits allowed in float64."""
DTYPES = ("float64", "float32")
"""Precisions of the comparison; the first one is judged."""
PACKAGES = ("transformer_lens>=4,<5", "torch==2.13.0")
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
    parser.add_argument("--venv", type=Path, help="where TransformerLens is, or goes")
    parser.add_argument("--modulus", type=int, default=113, help="of random weights")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options.inside)
    with tempfile.TemporaryDirectory(prefix="check-tl-") as temporary:
        cases = Path(temporary) / "cases"
        try:
            for path in options.weights:
                copied(path, cases)
            if not options.weights:
                for name, fields in FORMS.items():
                    random(options.modulus, fields, cases / name)
            python = environment(options.venv or Path(temporary) / "venv")
            subprocess.run([python, __file__, "--inside", cases], check=True)
            worst = np.max([compare(case) for case in sorted(cases.iterdir())], axis=0)
        except (ValueError, OSError, subprocess.CalledProcessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    passed = bool(worst[0] <= LIMIT)
    print(
        f"{'PASS' if passed else 'FAIL'}: logits differ by at most {worst[0]:.1e} in "
        f"{DTYPES[0]} (allowed {LIMIT:.0e}), {worst[1]:.1e} in {DTYPES[1]}"
    )
    return 0 if passed else 1


def copied(path: Path, cases: Path) -> None:
    """Copy exported weights and their cfg.json to a case, and add our logits."""
    from jaxgrok.circuits.weights.transformerlens import load_npz

    task, model, params = load_npz(path)
    case = cases / f"{len(list(cases.glob('*')))} {path.name}"
    case.mkdir(parents=True)
    shutil.copy(path, case / "model.npz")
    shutil.copy(path.with_name("cfg.json"), case)
    write_logits(task, model, params, case)


def random(modulus: int, fields: dict[str, Any], case: Path) -> None:
    """Export random weights, biases and norms included, and add our logits."""
    import jax

    from jaxgrok.circuits.weights.transformerlens import save_npz
    from jaxgrok.circuits.weights.transformerlens_config import config_of
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
    write_logits(task, model, params, case)


def write_logits(task: Any, model: Any, params: Any, case: Path) -> None:
    """Add ours.npz: all p² inputs [examples, pos], and our logits [examples, vocab]."""
    p = task.modulus
    x, y = np.divmod(np.arange(p**2, dtype=np.int32), p)
    tokens = np.stack([x, y, np.full_like(x, p)], axis=1)
    np.savez(case / "ours.npz", tokens=tokens, **logits(model, params, tokens))


def logits(model: Any, params: Any, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """Our logits at the last position in each precision: [examples, vocab]."""
    import jax

    by_dtype = {}
    for dtype in DTYPES:
        with jax.enable_x64(True), jax.default_matmul_precision("highest"):
            cast = {name: w.astype(dtype) for name, w in params.items()}
            result, _ = jax.jit(model.apply)({"params": cast}, tokens)
            by_dtype[dtype] = np.asarray(result[:, -1])
            assert by_dtype[dtype].dtype == dtype
    return by_dtype


def environment(folder: Path) -> Path:
    """The Python of an environment with TransformerLens 4, installed if need be."""
    python = folder / "bin" / "python"
    asks = "from importlib.metadata import version as v; print(v('transformer_lens'))"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    reply = subprocess.run([python, "-c", asks], capture_output=True, text=True)
    if reply.returncode or int(reply.stdout.split(".")[0]) != 4:
        print(f"installing {' and '.join(PACKAGES)} in {folder}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *PACKAGES], check=True)
    return python


def inside(cases: Path) -> int:
    """In that environment: TransformerLens' logits, and networks of its own making."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from importlib.metadata import version

    import torch
    from transformer_lens.conversion_utils import convert_tl_checkpoint
    from transformer_lens.model_bridge import TransformerBridge

    print(f"transformer_lens {version('transformer_lens')}, torch {torch.__version__}")

    def logits(bridge: Any, tokens: Any) -> dict[str, np.ndarray]:
        with contextlib.redirect_stdout(None):  # it says that it changes dtype
            return {
                n: bridge.to(getattr(torch, n))(tokens)[:, -1].numpy() for n in DTYPES
            }

    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    for case in sorted(cases.iterdir()):
        config = json.loads((case / "cfg.json").read_text())
        with np.load(case / "ours.npz") as ours:
            tokens = torch.from_numpy(ours["tokens"]).long()
        with np.load(case / "model.npz") as file:
            weights = {name: torch.from_numpy(file[name]) for name in file.files}
        bridge = TransformerBridge.boot_native(config)
        state = convert_tl_checkpoint(weights, bridge.cfg)
        bridge.load_state_dict(state, strict=True)
        np.savez(case / "theirs.npz", **logits(bridge, tokens))

        (case / "made").mkdir()
        bridge = TransformerBridge.boot_native(config | {"seed": 1})
        for parameter in bridge.parameters():
            if parameter.ndim == 1:  # biases and norms start at 0 and 1
                parameter += 0.3 * torch.randn_like(parameter)
        arrays = {n: w.clone().numpy() for n, w in bridge.tl_parameters().items()}
        np.savez(case / "made" / "model.npz", **arrays)
        fields = {n: v for n, v in bridge.cfg.to_dict().items() if n != "dtype"}
        (case / "made" / "cfg.json").write_text(json.dumps(fields))
        np.savez(case / "made" / "theirs.npz", **logits(bridge, tokens))
    return 0


def compare(case: Path) -> np.ndarray:
    """Print and return the largest differences of a case, one a precision."""
    from jaxgrok.circuits.weights.transformerlens import load_npz

    with np.load(case / "ours.npz") as ours:
        exported = dict(ours)
    _, model, params = load_npz(case / "made" / "model.npz")
    imported = logits(model, params, exported["tokens"])
    worst = []
    for words, own, folder in (
        ("exported", exported, case),
        ("imported", imported, case / "made"),
    ):
        with np.load(folder / "theirs.npz") as file:
            theirs = dict(file)
        assert all(theirs[n].dtype == n for n in DTYPES)
        gaps = [np.abs(own[n] - theirs[n]).max() for n in DTYPES]
        text = ", ".join(f"{d:.1e} in {n}" for d, n in zip(gaps, DTYPES, strict=True))
        examples, vocab = theirs["float64"].shape
        print(
            f"{case.name:33} {words}: {text} ({examples:,} × {vocab} logits up to "
            f"{np.abs(theirs['float64']).max():.1f})"
        )
        worst.append(gaps)
    return np.max(worst, axis=0)


if __name__ == "__main__":
    sys.exit(main())
