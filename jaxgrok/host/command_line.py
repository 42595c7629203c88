"""What every command line here does: help, one-line errors, exit codes.

Owns the exit codes: 0, 2 for bad input, 130 for an interruption.
"""

import sys
from collections.abc import Callable

from absl import flags

from jaxgrok.host import machine

USAGE = 2
INTERRUPTED = 130


def parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Read flags into `values`, in any place; the other arguments, or ValueError."""
    values.set_gnu_getopt(True)
    try:
        return values(argv)[1:]
    except flags.UnrecognizedFlagError as error:
        allowed = ", ".join(f"--{name}" for name in values)
        raise ValueError(
            f"flag --{error.flagname} is unknown; allowed: {allowed}; see --help"
        ) from None
    except flags.Error as error:
        raise ValueError(f"{str(error).removeprefix('flag ')}; see --help") from None


def run(argv: list[str], usage: str | None, body: Callable[[list[str]], int]) -> int:
    """Run the body of a command and return its exit code; `usage` is its --help.

    A ValueError or OSError of the body is one line on stderr, and code 2.
    """
    if not argv[1:] or {"-h", "--help", "-help"} & set(argv[1:]):
        print((usage or "").strip())
        return 0 if argv[1:] else USAGE
    machine.prepare()
    try:
        return body(argv)
    except (ValueError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
