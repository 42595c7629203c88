"""Is one commit faster than another? Ratios, on this machine, in one run.

    python scripts/bench/commits.py HEAD~1 HEAD
    python scripts/bench/commits.py v1 HEAD --scale post --rounds 5

Checks both commits out beside each other, runs the `scripts/bench/step.py` of each in
turns, and tells the ratio of their times a lane-step, round by round: median, least and
greatest. Below 1 the second is faster. A change of that script counts as well: look at
its difference first. The last line is one line of JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import app, flags

SCALE = flags.DEFINE_enum("scale", "laptop", ["post", "laptop"], "model and modulus")
ROUNDS = flags.DEFINE_integer("rounds", 3, "runs of each commit, in turns")
ROOT = Path(__file__).parents[2]
STEP = ("scripts/bench/step.py", "scripts/bench_step.py")
"""Where the script of a commit is: now, and in earlier ones."""


def run(tree: Path) -> dict[str, float]:
    """Milliseconds a lane-step of a checkout, by the shape of the engine."""
    script = next(name for name in STEP if (tree / name).exists())
    command = [sys.executable, script, "--scale", SCALE.value]
    command += ["--rounds", "5"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    process = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True
    )
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:]
        print(f"error: {script} of {tree.name}: {''.join(last)}", file=sys.stderr)
        sys.exit(2)
    return json.loads(process.stdout.splitlines()[-1])["ms_per_lane_step"]


def main(arguments: list[str]) -> None:
    if len(arguments) != 3:
        print("error: name two commits, e.g. HEAD~1 HEAD", file=sys.stderr)
        sys.exit(2)
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        trees = []
        for name, commit in zip(("first", "second"), arguments[1:], strict=True):
            trees.append(Path(folder) / name)
            clone = ["git", "clone", "--quiet", "--shared", "--no-checkout"]
            subprocess.run([*clone, str(ROOT), str(trees[-1])], check=True)
            checkout = ["git", "-C", str(trees[-1]), "checkout", "--quiet"]
            subprocess.run([*checkout, _commit(commit)], check=True)
        for number in range(ROUNDS.value):
            first, second = (run(tree) for tree in trees)
            shapes = [s for s in first if s in second and s.startswith("engine")]
            rounds.append([second[shape] / first[shape] for shape in shapes])
            print(f"round {number + 1}: {np.round(rounds[-1], 3).tolist()}", flush=True)
    medians = {}
    for shape, ratios in zip(shapes, np.transpose(rounds), strict=True):
        medians[shape] = float(np.median(ratios))
        spread = f"{ratios.min():.3f} to {ratios.max():.3f}"
        print(f"{shape:16s} {medians[shape]:.3f} ({spread})")
    print(json.dumps({"scale": SCALE.value, "ratio": medians}))


def _commit(name: str) -> str:
    """The hash of a commit of this checkout, by any of its names."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{name}^{{commit}}"]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        print(f"error: {name!r} is no commit here", file=sys.stderr)
        sys.exit(2)
    return process.stdout.strip()


if __name__ == "__main__":
    app.run(main)
