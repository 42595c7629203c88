"""Sweeps and fleets in a real S3 server: killed, frozen, held twice; equal to a disk's.

pip install '.[s3,fleet]' 'moto[server]' && python scripts/checks/object_store.py

It starts moto's server on loopback and prints a line a property, in about 12 minutes.

--url s3://BUCKET/PREFIX   a bucket that there is, with your own credentials, in place
                           of that server; gs:// with the extra gcs
--seconds N                length of the sweep on this machine, about (40)
--only fleet               some of sweeps, fleet; both by default
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path

from store_scenes import fleets, sweeps
from store_scenes.comparison import same
from store_scenes.processes import say, trained
from store_scenes.server import server

from jaxgrok.host.files.paths import as_path

GRID = '''"""Many evaluations of a tiny network, over {steps} steps."""

from jaxgrok import grid


def get_config(scale="laptop"):
    config = grid.base(scale)
    config.modulus, config.d_model, config.heads = 7, 8, 2
    config.d_head, config.d_mlp, config.block_width = 4, 16, 2
    config.seed, config.weight_decay = tuple(range(6)), (0.0, 1.0)
    config.train_fraction, config.steps = (0.5, 0.9), ({steps},)
    config.stop, config.eval_every = "steps", 200
    config.snapshot_every, config.snapshot_early_until = 2_000, 0
    config.snapshots, config.final_states = "all", "all"
    return config
'''


def main() -> int:
    """Run all checks; return 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--url", help="a bucket and a prefix")
    parser.add_argument("--seconds", type=int, default=40, help="of the sweep")
    parser.add_argument("--only", default="sweeps,fleet", help="some of the default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        url = options.url or stack.enter_context(server(work))
        url = f"{url}/{uuid.uuid4().hex[:8]}"
        try:
            check(work, url, options.seconds, set(options.only.split(",")))
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
        finally:
            as_path(url).remove_tree()
    return 0


def check(work: Path, url: str, seconds: int, only: set[str]) -> None:
    """Run the checks that were asked for.

    Raises:
        AssertionError: one fails.
    """
    grid = work / "tiny.py"
    steps = calibrated(grid, work / "probe", seconds)
    grid.write_text(GRID.format(steps=steps))
    start = time.monotonic()
    trained(grid, work / "disk")
    say(f"on a disk, 24 cells of {steps:,} steps: {time.monotonic() - start:.0f} s")
    if "sweeps" in only:
        start = time.monotonic()
        trained(grid, f"{url}/whole")
        say(f"in the store: {time.monotonic() - start:.0f} s")
        same(as_path(f"{url}/whole"), work / "disk")
        say("cells.csv, curves and snapshots are equal, bit for bit")
        sweeps.killed(grid, f"{url}/killed", work / "disk")
        sweeps.frozen(grid, f"{url}/frozen", work / "disk")
        sweeps.refused(grid, url)
    if "fleet" in only:
        fleets.without_secret(grid, f"{url}/open", work)
        fleets.killed(grid, f"{url}/fleet", work / "disk", work)


def calibrated(grid: Path, out: Path, seconds: int) -> int:
    """Return the steps of a sweep that takes about so many seconds here."""
    grid.write_text(GRID.format(steps=20_000))
    trained(grid, out)
    start = time.monotonic()
    shutil.rmtree(out)
    trained(grid, out)
    # Half of this short one is the start of the process, about.
    pace = 20_000 / max(time.monotonic() - start - 5, 1)
    return max(int(pace * seconds) // 10_000 * 10_000, 20_000)


if __name__ == "__main__":
    sys.exit(main())
