"""Write a page to click through: `python -m jaxgrok.report RUN_DIR [RUN_DIR ...]`.

One file without links: it opens by a double click, offline, and can be sent. Of several
run directories with the same axes it is a comparison.

--out FILE.html       where to write; by default report.html in RUN_DIR
"""

import sys

from absl import flags

from jaxgrok.host import command_line
from jaxgrok.host.files.paths import as_path


def main(argv: list[str]) -> int:
    """Parse, write, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, _run)


def _run(argv: list[str]) -> int:
    """Write the page of the run directories that the command line names."""
    values = flags.FlagValues()
    flags.DEFINE_string("out", None, "out", flag_values=values)
    folders = command_line.parse(values, argv)
    if not folders:
        raise ValueError(
            "name a run directory, e.g. runs/wd_vs_frac-laptop; see --help"
        )
    if len(folders) > 1 and not values.out:
        raise ValueError("--out is missing: name the file of the comparison")
    # Imported late: --help and a wrong flag need no JAX.
    from jaxgrok.host.files.atomic_files import check_writable
    from jaxgrok.report import page
    from jaxgrok.report.data import RunData, check_comparable
    from jaxgrok.results.run import open_run

    out = as_path(values.out or as_path(folders[0]) / page.FILE)
    if out.is_dir():
        raise ValueError(
            f"--out {out} is a folder; name a file, e.g. {out / page.FILE}"
        )
    runs = [open_run(folder) for folder in folders]
    check_comparable(runs)
    check_writable(out.parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    print(page.write(out, [RunData.of(run) for run in runs]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
