"""Networks in the real TransformerLens: what `transformerlens.py` runs beside it.

    python transformerlens_lines.py CASES VERSION

The Python is one of an environment that has that version, and no jaxgrok. The lines
that docs/circuit.md has for it are run as they stand, in the folder of every case.
"""

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "circuit.md"
DTYPES = ("float64", "float32")
"""Precisions of the comparison; the first one is judged."""
VERSIONS = ("3", "4")


def lines(version: str, document: Path = DOCUMENT) -> str:
    """The lines of a document that load an export in a version of TransformerLens.

    Raises:
        ValueError: it has none, or more than one block of them.
    """
    head = rf"^TransformerLens {version}\b[^\n]*:\n\n```python\n(.*?)^```$"
    blocks = re.findall(head, document.read_text(), re.DOTALL | re.MULTILINE)
    if len(blocks) != 1:
        raise ValueError(
            f"{document} has {len(blocks)} blocks of lines for TransformerLens "
            f"{version}; expected one"
        )
    return blocks[0]


def main(cases: Path, version: str) -> None:
    """Add a folder of TransformerLens' results, named as its version, to every case."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from importlib.metadata import version as version_of

    import torch

    print(
        f"transformer_lens {version_of('transformer_lens')}, torch {torch.__version__}"
    )
    # The last paragraph uses the network that those above have loaded.
    load, use = lines(version).rsplit("\n\n", 1)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    for case in sorted(cases.iterdir()):
        names: dict[str, Any] = {}
        with contextlib.chdir(case):
            exec(load, names)
        made = case / version / "made"
        made.mkdir(parents=True)
        np.savez(made.parent / "theirs.npz", **outputs(use, names))

        for parameter in names["model"].parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        save(names["model"], made)
        np.savez(made / "theirs.npz", **outputs(use, names))


def outputs(use: str, names: dict[str, Any]) -> dict[str, np.ndarray]:
    """What lines give with a network in each precision; it is in the last again."""
    import torch

    results = {}
    for dtype in DTYPES:
        with contextlib.redirect_stdout(None):  # it says that it changes dtype
            names["model"].to(getattr(torch, dtype))
        exec(use, names)
        for name in ("answers", "attention"):
            results[f"{name} {dtype}"] = names[name].numpy()
    return results


def save(model: Any, folder: Path) -> None:
    """Write a network and its config under the names that TransformerLens has."""
    is_bridge = hasattr(model, "tl_parameters")
    weights = model.tl_parameters() if is_bridge else model.state_dict()
    arrays = {name: weight.clone().numpy() for name, weight in weights.items()}
    np.savez(folder / "model.npz", **arrays)
    fields = {n: v for n, v in model.cfg.to_dict().items() if n != "dtype"}
    (folder / "cfg.json").write_text(json.dumps(fields))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
