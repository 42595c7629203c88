"""Grid files: from `--grid FILE[:SCALE]` and `--grid.FIELD=VALUE` to a config.

Owns what a command line may say of a grid. The file is user code: whatever comes out of
it is one line. Runs nothing.

    >>> config, name = read(values, rest)
"""

import functools
import re
import runpy
import traceback
from pathlib import Path
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from jaxgrok.host import command_line


def parse(
    values: flags.FlagValues, argv: list[str]
) -> tuple[ml_collections.ConfigDict, str]:
    """Read a command's flags into `values`; its grid's config, and the file's stem.

    `values` holds the command's own flags; --grid and --grid.FIELD come on top.
    Raises ValueError for whatever is wrong, one line.
    """
    flags.DEFINE_string("grid", None, "grid file", flag_values=values)
    rest = command_line.parse_known(values, argv)
    own = [name for name in values if name != "grid"]
    command_line.check_flags(rest, ["grid", "grid.FIELD", *own], prefix="grid")
    if not values.grid:
        raise ValueError(
            "--grid is missing: name a grid file, e.g. sweeps/wd_vs_frac.py"
        )
    file, *scale = values.grid.split(":", 1)
    config = _load(file, scale)
    _override(config, rest)
    return config, Path(file).stem


def _load(file: str, scale: list[str]) -> ml_collections.ConfigDict:
    """Return what a grid file's `get_config` returns; ValueError says where it fails.

    It is user code: anything can come out of it.
    """
    if not Path(file).is_file():
        raise ValueError(f"--grid {file}: there is no such file")
    try:
        get_config = runpy.run_path(file, run_name="grid").get("get_config")
        config = get_config(*scale) if callable(get_config) else None
    except Exception as error:
        raise ValueError(f"--grid {file}{_where(file, error)}") from None
    if not callable(get_config):
        raise ValueError(
            f"--grid {file} defines no get_config(scale); see sweeps/wd_vs_frac.py"
        )
    if not isinstance(config, ml_collections.ConfigDict):
        raise ValueError(
            f"--grid {file}: get_config returned {config!r:.40}; return the config "
            "that jaxgrok.grid.base(scale) made"
        )
    return config


def load_registrations(file: str) -> None:
    """Run a grid file for the tasks, models, … that it registers.

    Its `get_config` is not called. Raises ValueError, one line, where it fails.
    """
    if not Path(file).is_file():
        raise ValueError(f"--grid {file}: there is no such file")
    try:
        runpy.run_path(file, run_name="grid")
    except Exception as error:
        raise ValueError(f"--grid {file}{_where(file, error)}") from None


def _where(file: str, error: Exception) -> str:
    """The line of the grid file that an error comes from, and what it says."""
    if isinstance(error, SyntaxError) and error.lineno:
        here = error.filename == file
        place = f"{'' if here else f': {error.filename}'}, line {error.lineno}"
        return f"{place}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    place = f", line {lines[-1]}" if lines else ""
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return f"{place}: {kind}{error}"


def _override(config: ml_collections.ConfigDict, argv: list[str]) -> None:
    """Apply --grid.FIELD=VALUE to the config, and refuse any other argument."""
    given = _given(argv)
    for field, value in given.items():
        _check_override(config, field, value)
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_dict(
            "grid", config, flag_values=values, sys_argv=argv
        )
        rest = values(argv)[1:]
    except flags.IllegalFlagValueError as error:
        field = str(error).partition("--grid.")[2].partition("=")[0]
        raise ValueError(
            f"{field}={given.get(field)} is not understood; "
            f"write a value like {_current(config, field)!r}"
        ) from None
    except flags.Error as error:
        raise ValueError(f"{error}; see --help") from None
    if rest:
        raise ValueError(f"argument {rest[0]!r} is not understood; see --help")
    # `--grid.n_train=…` replaces the file's fractions, and the other way round.
    for name, other in (("n_train", "train_fraction"), ("train_fraction", "n_train")):
        if name in given and other not in given:
            config[other] = ()


def _given(argv: list[str]) -> dict[str, str]:
    """The overridden fields and their values as written."""
    found = {}
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        match = re.match(r"--?(no)?grid\.([^=]+)(=(.*))?$", argument, re.DOTALL)
        if match:
            found[match[2]] = (match[4] if match[3] else following).strip()
    return found


def _check_override(config: ml_collections.ConfigDict, field: str, value: str) -> None:
    """Refuse an unknown field, the scale, and a list."""
    from jaxgrok.fields.checks import unknown_field

    path = field.split(".")
    for depth, name in enumerate(path):
        part = _current(config, ".".join(path[:depth])) if depth else config
        if not isinstance(part, ml_collections.ConfigDict) or name not in part:
            known = part if isinstance(part, ml_collections.ConfigDict) else config
            raise ValueError(unknown_field(field, known))
    if field == "scale":
        raise ValueError(f"scale={value} is not an override; write --grid FILE:{value}")
    if value.startswith("["):
        inside = value.strip("[], ")
        example = f"({inside})" if "," in inside else f"({inside},)"
        raise ValueError(
            f'{field}={value} is a list; axes are tuples: write {field}="{example}"'
        )


def _current(config: ml_collections.ConfigDict, field: str) -> Any:
    return functools.reduce(lambda part, name: part[name], field.split("."), config)
