"""How far is a run? `python -m jaxgrok.status RUN_DIR`

RUN_DIR      a run directory: of a sweep that trains, was stopped, or is finished
--watch      say it again every two seconds, until the run ends or Ctrl-C
--json       as JSON, one line each time

It takes no lock and changes nothing. Exit codes: 0 for any run directory, an empty or
a damaged one too; 2, with one line, for anything else.
"""

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

from absl import flags

from jaxgrok.host import command_line
from jaxgrok.host.files.paths import as_path

if TYPE_CHECKING:
    from jaxgrok.results.status import Status

PERIOD = 2.0
"""Seconds between two looks with --watch."""


def main(argv: list[str]) -> int:
    """Parse, read, print, and return the exit code; bad input is one line and 2."""
    return command_line.run(argv, __doc__, _main)


def _main(argv: list[str]) -> int:
    """Read the status of one run directory, once or again and again."""
    values = flags.FlagValues()
    flags.DEFINE_bool("watch", False, "again and again", flag_values=values)
    flags.DEFINE_bool("json", False, "as JSON", flag_values=values)
    arguments = command_line.parse(values, argv)
    if len(arguments) != 1:
        raise ValueError("name one run directory, e.g. runs/mainline-post; see --help")
    path = as_path(arguments[0])
    from jaxgrok.results.status import read_status

    status = read_status(path)
    if not values.watch:
        print(_text(status, as_json=values.json))
        return 0
    # Ctrl-C is the way to end it.
    with contextlib.suppress(KeyboardInterrupt):
        _watch(status, as_json=values.json)
    return 0


def _watch(status: "Status", *, as_json: bool) -> None:
    """Show a status anew in its place; off a terminal and as JSON, below the last."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from jaxgrok.results.status import read_status

    if as_json or not sys.stdout.isatty():
        print(_text(status, as_json=as_json), flush=True)
        while status.state in _UNDER_WAY:
            time.sleep(PERIOD)
            status = read_status(status.path)
            print(_text(status, as_json=as_json), flush=True)
        return
    with Live(Text(str(status)), console=Console(), auto_refresh=False) as live:
        while status.state in _UNDER_WAY:
            time.sleep(PERIOD)
            status = read_status(status.path)
            live.update(Text(str(status)), refresh=True)


_UNDER_WAY = ("training", "empty")
"""States after which another may come by itself."""


def _text(status: "Status", *, as_json: bool) -> str:
    """Return what is printed of a status."""
    if as_json:
        return json.dumps(status.as_dict(), ensure_ascii=False)
    return str(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
