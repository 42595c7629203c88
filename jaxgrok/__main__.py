"""The console command: `jaxgrok COMMAND ...` or `python -m jaxgrok COMMAND ...`."""

import importlib
import sys
from typing import NoReturn

from jaxgrok import __version__
from jaxgrok.host import background, command_line

COMMANDS = {
    "sweep": ("jaxgrok.sweep.__main__", "train every cell of a grid"),
    "crossover": ("jaxgrok.crossover.__main__", "search how little data still groks"),
    "compare": ("jaxgrok.comparison.__main__", "which method groks sooner?"),
    "analyse": ("jaxgrok.analyse.__main__", "read the circuits of a run"),
    "report": ("jaxgrok.report.__main__", "write a page of a run to click through"),
    "export": (
        "jaxgrok.export.__main__",
        "write weights, figures, tracker runs or NetCDF",
    ),
    "status": ("jaxgrok.status", "how far is a run, also while it trains"),
    "verify": ("jaxgrok.verify.__main__", "is a run whole: every file, every cell?"),
    "grids": ("jaxgrok.grid.__main__", "list the shipped grids, or copy one"),
}
"""Command → the module whose `main` runs it, and what it does."""


def usage() -> str:
    """Return the help: every command with one line."""
    rows = [f"  {name:<11}{purpose}" for name, (_, purpose) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: jaxgrok COMMAND ...",
            "",
            *rows,
            "",
            "jaxgrok COMMAND --help   the flags of a command",
            "jaxgrok --version        the version",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: the command line, program name first; by default the process's own.
    """
    program, *words = sys.argv if argv is None else argv
    if words and words[0] in COMMANDS:
        name, *arguments = words
        module = importlib.import_module(COMMANDS[name][0])
        return int(module.main([f"{program} {name}", *arguments]))
    return command_line.run([program, *words], usage(), _without_command)


def console() -> NoReturn:
    """Run a command, and end the process with its exit code."""
    background.end_with(main())


def _without_command(argv: list[str]) -> int:
    """Answer --version; refuse anything else."""
    word = argv[1]
    if word == "--version":
        print(f"jaxgrok {__version__}")
        return 0
    choices = ["--help", "--version"] if word.startswith("-") else list(COMMANDS)
    kind = "flag" if word.startswith("-") else "command"
    raise ValueError(
        f"{kind} {word} is unknown; allowed: {', '.join(choices)}; "
        + command_line.did_you_mean(word, choices)
    )


if __name__ == "__main__":
    console()
