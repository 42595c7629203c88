"""Is a run whole? `python -m jaxgrok.verify RUN_DIR [RUN_DIR ...]`

Reads every file that counts, compares it with its checksum, and says how each planned
cell ended: done, censored (its budget ended first), diverged or stopped, and why.

--json       as JSON, one line a run

It takes no lock and changes nothing. Exit codes: 0 if all of it is whole, 1 if a file
is damaged or missing, or a cell has no end yet; 2, with one line, for anything else.
"""

import json
import sys

from absl import flags

from jaxgrok.host import command_line
from jaxgrok.host.files.paths import as_path


def main(argv: list[str]) -> int:
    """Parse, verify, print, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    """Verify the run directories that the command line names."""
    values = flags.FlagValues()
    flags.DEFINE_bool("json", False, "as JSON", flag_values=values)
    folders = command_line.parse(values, argv)
    if not folders:
        raise ValueError("name a run directory, e.g. runs/mainline-post; see --help")
    # Imported late: --help and a wrong flag need no JAX.
    from jaxgrok.verify.audit import audit

    audits = []
    for folder in folders:
        audits.append(audit(as_path(folder)))
        if values.json:
            print(json.dumps(audits[-1].as_dict(), ensure_ascii=False), flush=True)
        else:
            print(audits[-1], flush=True)
    return 0 if all(one.is_whole for one in audits) else command_line.FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv))
