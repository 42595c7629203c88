"""The flag --workers: who trains.

>>> parse("listen:[::1]:8786")
Workers(processes=0, host='::1', port=8786)
"""

import contextlib
import os
import re
from typing import NamedTuple

from absl import flags

from jaxgrok.fleet import rendezvous
from jaxgrok.host import command_line

_LISTEN = re.compile(r"listen(?::(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>\d+))?)?")


class Workers(NamedTuple):
    """Who trains.

    Attributes:
        processes: how many to start on this machine; 0 for none.
        host: where to listen for workers elsewhere; "" for every address of this
            machine, None to listen for none.
        port: likewise; 0 for any that is free.
    """

    processes: int = 0
    host: str | None = None
    port: int = 0

    @property
    def is_local(self) -> bool:
        """Whether this process trains."""
        return not self.processes and self.host is None


def parse(text: str | int) -> Workers:
    """Read the flag: local, a number, or listen[:HOST[:PORT]].

    Raises:
        ValueError: it is none of these.
    """
    text = str(text).strip()
    if text == "local":
        return Workers()
    if text.isdecimal() and int(text):
        return Workers(int(text), "127.0.0.1")
    match = _LISTEN.fullmatch(text)
    if match and int(match["port"] or 0) < 2**16:
        host = (match["host"] or "").strip("[]")
        return Workers(0, host, int(match["port"] or 0))
    raise ValueError(
        f"--workers={text} must be local, a number from 1 on, or listen[:HOST[:PORT]], "
        "with the brackets of IPv6: listen:[::1]:8786"
    )


def define(values: flags.FlagValues) -> None:
    """Define the flags of a command."""
    flags.DEFINE_string("workers", "local", "who trains", flag_values=values)
    flags.DEFINE_string("key", "", "file of a secret", flag_values=values)


def computing(
    values: flags.FlagValues, argv: list[str]
) -> contextlib.AbstractContextManager[object]:
    """Speak of the machines that a command line names as those that compute.

    What a grid file says may depend on them, so this comes before it is read.

    Raises:
        ValueError: the flag makes no sense, or nobody can train there.
    """
    command_line.parse_known(values, argv)
    who = parse(values.workers)
    if who.is_local:
        return contextlib.nullcontext()
    if values.key:
        # Where processes find it that are started here.
        os.environ[rendezvous.SECRET] = rendezvous.secret_of(values.key)
    # Imported late: --help and a mistyped flag should not wait for jax.
    from jaxgrok.fleet import site

    return site.computing(who)
