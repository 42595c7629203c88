"""Is anything lost or wrong when machines, disks and people do their worst?

    python scripts/checks/chaos.py --out DIR                  # every row, hours
    python scripts/checks/chaos.py --out DIR --only kills,disk
    python scripts/checks/chaos.py --out DIR --quick          # short forms, minutes

Every row breaks real runs in one way: `--list` names them. DIR gets ROW.json, after
every part of a row anew, and DIR/work the runs. `--seed` chooses what is drawn by
chance. Exit code 0 if every check held, 1 if one did not, 2 for bad input. The results
of whole rows stand in docs/reliability.md.
"""

import argparse
import importlib
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = map(str, (ROOT, ROOT / "tests", ROOT / "scripts" / "checks"))

from chaos_rows import ROWS  # noqa: E402
from chaos_rows.job import Job  # noqa: E402


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def main() -> int:
    """Run the rows, print what each found; the exit code."""
    options = parse()
    if options.quick:
        compile_fast()
    held = [run(name, options) for name in options.only]
    return 0 if all(held) else 1


def parse() -> argparse.Namespace:
    parser = Parser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="folder of the answers and the runs")
    parser.add_argument("--only", help="rows, by commas; all by default")
    parser.add_argument("--quick", action="store_true", help="short forms")
    parser.add_argument("--seed", type=int, default=0, help="of what chance decides")
    parser.add_argument("--list", action="store_true", help="name the rows, and end")
    options = parser.parse_args()
    if options.list:
        print("".join(f"{name}: {title}\n" for name, title in ROWS.items()), end="")
        parser.exit()
    if options.out is None:
        parser.error("--out DIR is missing")
    options.only = options.only.split(",") if options.only else list(ROWS)
    if unknown := [name for name in options.only if name not in ROWS]:
        parser.error(f"unknown row {unknown[0]!r}; there are {', '.join(ROWS)}")
    return options


def compile_fast() -> None:
    """Let all processes compile fast: short forms compile more than they compute."""
    import tiny

    os.environ["XLA_FLAGS"] = tiny.UNOPTIMISED


def run(name: str, options: argparse.Namespace) -> bool:
    """Run one row; whether all of its checks held."""
    module = importlib.import_module(f"chaos_rows.{name}")
    out = options.out.resolve()
    job = Job(name, out, out / "work" / name, options.quick, options.seed)
    if job.work.exists():  # an earlier answer's
        shutil.rmtree(job.work)
    job.work.mkdir(parents=True)
    print(f"== {name}: {ROWS[name]}", flush=True)
    start = time.perf_counter()
    try:
        module.run(job)
    except Exception:
        job.check("the row ran to its end", False, traceback.format_exc())
    job.say(seconds=round(time.perf_counter() - start, 1))
    if not job.checks:
        job.check("the row checked something", False, "no check was made")
    return all(check["held"] for check in job.checks)


if __name__ == "__main__":
    sys.exit(main())
