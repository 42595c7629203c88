"""The command of the row `reproduction`: what came of it, hashed, and on what it ran.

    python -P reproduced.py --grid FILE --out DIR

As a program it is on its own: any Python may run it, with any copy of the package.
"""

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def answer(*words: str) -> dict[str, Any]:
    """Train a sweep; its last word is the run directory."""
    from jaxgrok.__main__ import main

    with contextlib.redirect_stdout(sys.stderr):
        code = main(["jaxgrok", "sweep", *words])
    import jax

    import jaxgrok

    run = jaxgrok.open(words[-1])
    facts = {"python": sys.version.split()[0], "jax": jax.__version__}
    facts |= {"code": str(Path(jaxgrok.__file__).parent)}
    facts |= {"devices": jax.device_count()}
    bits = {name: str(value) for name, value in run.manifest.bits.items()}
    return {"exit": code, "digests": digests(run), "facts": facts, "bits": bits}


def digests(run: Any) -> dict[str, str]:
    """Hash the tables, the curves and, where there are any, the snapshots."""
    from jaxgrok.results.files.shards import read_results

    found = {}
    for name in ("cells.csv", "components.csv"):
        if (run.path / name).exists():
            found[name] = hashlib.sha256((run.path / name).read_bytes()).hexdigest()
    curves, snapshots = hashlib.sha256(), hashlib.sha256()
    for cell_id, result in sorted(read_results(run.path).items()):
        curves.update(f"{cell_id} {result.status} {result.records.dtype}".encode())
        curves.update(result.records.tobytes())
    found["curves"] = curves.hexdigest()
    for kin, steps in sorted(run.snapshots.every().items()):
        for name, array in sorted(run.snapshots.load(kin, sorted(steps)).items()):
            snapshots.update(f"{kin} {name} {array.dtype}".encode() + array.tobytes())
    if run.snapshots.trainings():
        found["snapshots"] = snapshots.hexdigest()
    return found


if __name__ == "__main__":
    print(json.dumps(answer(*sys.argv[1:])))
