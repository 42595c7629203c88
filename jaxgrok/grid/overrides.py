"""Command lines: from `--grid FILE[:SCALE]` and `--grid.FIELD=VALUE` to a config.

>>> config, grid_file = parse(values, argv)
"""

import functools
import re
from pathlib import Path
from typing import Any

import ml_collections
from absl import flags
from ml_collections import config_flags

from jaxgrok.fields.checks import unknown_field
from jaxgrok.fields.values import cut, shown
from jaxgrok.grid import grid_file
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import command_line
from jaxgrok.host.files.paths import expanded


def parse(
    values: flags.FlagValues, argv: list[str]
) -> tuple[ml_collections.ConfigDict, GridFile]:
    """Read a command's flags into `values`, and its grid.

    Args:
        values: the command's own flags; --grid and --grid.FIELD come on top.
        argv: the command line.

    Returns:
        The grid's config, overrides applied, and its file.

    Raises:
        ValueError: one line for whatever is wrong.
    """
    flags.DEFINE_string("grid", None, "grid file", flag_values=values)
    arguments = command_line.parse_known(values, argv)
    # For the message alone: --grid is listed first, with its form for fields.
    own = [name for name in values if name != "grid"]
    command_line.check_flags(arguments, ["grid", "grid.FIELD", *own], prefix="grid")
    if not values.grid:
        raise ValueError(
            "--grid is missing: name a grid file, or one that is shipped, e.g. "
            "wd_vs_frac"
        )
    path, scale = _path_and_scale(values.grid)
    config, file = grid_file.load(path, scale)
    _override(config, arguments)
    return config, file


def _path_and_scale(text: str) -> tuple[str, str | None]:
    """Split FILE:SCALE at the last colon, unless all of it is the name of a file."""
    path, colon, scale = text.rpartition(":")
    # No scale, but the rest of a path: C:\mine.py
    if not colon or re.search(r"[./\\]", scale) or Path(expanded(text)).is_file():
        return text, None
    return path, scale or None


def _override(config: ml_collections.ConfigDict, argv: list[str]) -> None:
    """Apply --grid.FIELD=VALUE to the config, and refuse any other argument."""
    overrides = _overrides(argv)
    for field, value in overrides.items():
        _prepare(config, field, value)
    # A second set: the fields' flags exist only once the config is loaded.
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_dict(
            "grid", config, flag_values=values, sys_argv=argv
        )
        arguments = values(argv)[1:]
    except flags.IllegalFlagValueError as error:
        field = str(error).partition("--grid.")[2].partition("=")[0]
        raise ValueError(
            f"{field}={cut(overrides.get(field, ''))} is not understood; "
            f"write a value like {shown(_current(config, field))}"
        ) from None
    except flags.Error as error:
        raise ValueError(f"{error}; see --help") from None
    if arguments:
        word = shown(arguments[0])
        raise ValueError(f"argument {word} is not understood; see --help")
    # `--grid.n_train=…` replaces the file's fractions, and the other way round.
    for name, other in (("n_train", "train_fraction"), ("train_fraction", "n_train")):
        if name in overrides and other not in overrides:
            config[other] = ()


def _overrides(argv: list[str]) -> dict[str, str]:
    """Return the overridden fields and their values as written."""
    overrides = {}
    # absl takes `--grid.seed 0` too: the value is the argument that follows.
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        # Groups: 1 the no of a boolean, 2 the field, 3 `=value`, 4 the value.
        match = re.match(r"--?(no)?grid\.([^=]*)(=(.*))?$", argument, re.DOTALL)
        if match:
            overrides[match[2]] = (match[4] if match[3] else following).strip()
    return overrides


def _prepare(config: ml_collections.ConfigDict, field: str, value: str) -> None:
    """Make a field ready to be overridden; refuse one that is unknown, and a list."""
    # Imported late, since it imports jax.
    from jaxgrok.grid import fields

    if field not in config and field in fields.every():
        # Of another task, model or optimiser, which another override may name.
        row = fields.every()[field]
        config[field] = row.axis if row.traced else row.default
    path = field.split(".")
    for depth, name in enumerate(path):
        part = _current(config, ".".join(path[:depth])) if depth else config
        if not isinstance(part, ml_collections.ConfigDict) or name not in part:
            options = part if isinstance(part, ml_collections.ConfigDict) else config
            raise ValueError(unknown_field(field, options))
    if field == "scale":
        value = cut(value)
        raise ValueError(f"scale={value} is not an override; write --grid FILE:{value}")
    if value.startswith("["):
        content = value.strip("[], ")
        example = cut(f"({content})" if "," in content else f"({content},)")
        raise ValueError(
            f"{field}={cut(value)} is a list; axes are tuples: write "
            f'{field}="{example}"'
        )
    if field in config:
        # Set, so that it stays when another override names another owner.
        config[field] = config[field]
    # absl parses a value as the type that the config holds now.
    static = field in config and not isinstance(config[field], tuple)
    if static and value.startswith("(") and field not in fields.shared():
        config[field] = (config[field],)


def _current(config: ml_collections.ConfigDict, field: str) -> Any:
    return functools.reduce(lambda part, name: part[name], field.split("."), config)
