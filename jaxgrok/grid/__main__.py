"""List the shipped grids: `python -m jaxgrok.grid`, or `jaxgrok grids`.

--copy NAME   write one into this folder, to start from; an existing file stays

Each is run by its name, as `jaxgrok sweep --grid NAME`; times are those of two CPU
cores at laptop scale.
"""

import sys
from pathlib import Path

from absl import flags

from jaxgrok.grid import shipped
from jaxgrok.host import command_line


def main(argv: list[str]) -> int:
    """List or copy, and return the exit code; bad input is one line and code 2."""
    return command_line.run(argv, __doc__, _run, bare=True)


def _run(argv: list[str]) -> int:
    """Parse, and list or copy."""
    values = flags.FlagValues()
    flags.DEFINE_string("copy", None, "a shipped grid", flag_values=values)
    arguments = command_line.parse(values, argv)
    if arguments:
        raise ValueError(f"argument {arguments[0]!r} is not understood; see --help")
    if values.copy is None:
        print(shipped.listing())
        return 0
    print(shipped.copy(values.copy.removesuffix(".py"), Path()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
