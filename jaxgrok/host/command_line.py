"""What the command lines share: flags, help, one-line errors and exit codes.

>>> def main(argv: list[str]) -> int:
...     return command_line.run(argv, __doc__, body)
"""

import difflib
import gc
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from absl import flags

from jaxgrok.host import machine, memory
from jaxgrok.host.files import disk_errors
from jaxgrok.host.files.paths import expanded
from jaxgrok.host.signals import INTERRUPTED, safe_imports
from jaxgrok.host.streams import lenient_output

FAILED = 1
"""Exit code where something has no result: cells failed, or disk or memory ended."""
USAGE = 2
"""Exit code for bad input."""
HELP = frozenset({"-h", "--help", "-help"})
NEW_OBJECTS = 10_000
"""Objects that are made until Python looks for garbage; it would after 700 or 2000."""


def run(
    argv: list[str],
    usage: str | None,
    body: Callable[[list[str]], int],
    *,
    bare: bool = False,
) -> int:
    """Run the body of a command and return its exit code.

    A ValueError or OSError of the body becomes one line on stderr, and so does the end
    of memory. Output that cannot be written (`| head`, a closed terminal) is dropped,
    and changes no exit code.

    Args:
        argv: the command line, program name first.
        usage: what --help prints.
        body: maps `argv` to an exit code; it may import jax.
        bare: whether the command means something without arguments.

    Returns:
        The body's code, 0 for --help, 1 for a full or bad disk and where memory ran
        out, 2 for bad input, 130 after Ctrl-C.
    """
    with lenient_output(), safe_imports(), seldom_collected():
        is_bare = not argv[1:]
        if HELP & set(argv[1:]) or (is_bare and not bare):
            print((usage or "").strip())
            return USAGE if is_bare else 0
        try:
            # The body imports jax, which reads these variables once.
            machine.prepare()
            return body(argv)
        except (ValueError, OSError) as error:
            return report(error)
        except KeyboardInterrupt:
            return INTERRUPTED
        except Exception as error:
            if memory.ran_out(error):
                return report(error)
            # What came may be of JAX, which says little where it has no device.
            try:
                machine.platform_of_jax()
            except ValueError as refusal:
                return report(refusal)
            raise


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage less often.

    What a start makes, modules and traces, stays: looking through it again and again
    is in vain.
    """
    first, *others = gc.get_threshold()
    # 0 turns it off.
    gc.set_threshold(first and max(first, NEW_OBJECTS), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)


def text(command: str, argv: list[str]) -> str:
    """Return a command line as one may type it again, by the command's name.

    >>> text("sweep", ["/usr/bin/jaxgrok sweep", "--grid", "my file.py"])
    "jaxgrok sweep --grid 'my file.py'"
    """
    return shlex.join(["jaxgrok", command, *argv[1:]])


def report(error: Exception) -> int:
    """Print an error as one line on stderr, and return its exit code."""
    is_short = memory.ran_out(error)
    words = memory.in_words(error) if is_short else disk_errors.in_words(error)
    print(f"error: {words}", file=sys.stderr)
    return FAILED if is_short or disk_errors.way_out(error) else USAGE


def parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Read a whole command line into `values`; flags may stand anywhere.

    Args:
        values: the command's flags; they are set in place.
        argv: the command line, program name first.

    Returns:
        The arguments that are no flags, without the program name.

    Raises:
        ValueError: for a flag that is unknown or has a bad value.
    """
    arguments = parse_known(values, argv)[1:]
    check_flags(arguments, values)
    return arguments


def parse_known(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Read the flags that `values` defines and return everything else.

    Args:
        values: the command's flags; they are set in place.
        argv: the command line, program name first.

    Returns:
        The program name and all arguments that were not consumed, unknown flags too.

    Raises:
        ValueError: for a flag with a bad value.
    """
    values.set_gnu_getopt(True)
    argv = [*argv[:1], *map(expanded, argv[1:])]
    try:
        return values(argv, known_only=True)
    except flags.Error as error:
        raise ValueError(f"{str(error).removeprefix('flag ')}; see --help") from None


def check_flags(arguments: list[str], names: Iterable[str], prefix: str = "") -> None:
    """Raise ValueError for the first unknown flag, naming its nearest neighbour.

    Args:
        arguments: arguments that `parse_known` did not consume.
        names: flags that the command has, without dashes.
        prefix: a name whose sub-fields are read elsewhere: "grid" allows --grid.seed=0.
    """
    names = list(names)
    for argument in arguments:
        match = re.match(r"--?([A-Za-z_][^=]*)", argument)
        if match is None:
            continue
        name = match[1]
        # --nogrid.FIELD sets a boolean field to False.
        if prefix and name.removeprefix("no").startswith(f"{prefix}."):
            continue
        allowed = [f"--{name}" for name in names]
        # A mistyped --gird.seed is a mistyped --grid.
        guess = did_you_mean(f"--{name.partition('.')[0]}", allowed)
        raise ValueError(
            f"flag --{name} is unknown; allowed: {', '.join(allowed)}; {guess}"
        )


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a hint: the nearest of some words, or --help if none is near.

    >>> did_you_mean("swep", ["sweep", "export"])
    'did you mean sweep?'
    """
    matches = difflib.get_close_matches(word, list(choices), n=1)
    return f"did you mean {matches[0]}?" if matches else "see --help"
