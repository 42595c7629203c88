"""What a worker says of itself before it is told anything.

>>> hello = here()
>>> hello.platform.name
'cpu'
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax

from jaxgrok.engine.platform import Platform
from jaxgrok.host import machine, source


class Hello(NamedTuple):
    """What a worker is.

    Attributes:
        version: of jaxgrok, with the commit where it is known.
        platform: its devices.
        bits: what decides the last bits of its results.
    """

    version: str
    platform: Platform
    bits: Mapping[str, str | int]


def here() -> Hello:
    """Describe this process."""
    return Hello(version(), Platform.of(jax.local_devices()), machine.bits())


def version() -> str:
    """Return the version of jaxgrok, and its commit if that is known."""
    return " ".join(filter(None, (source.versions()["jaxgrok"], source.commit())))


def refusal(hello: Hello, bits: Mapping[str, object], *, mixed_bits: bool) -> str:
    """Say why a worker cannot take part in a run of these bits; "" if it can."""
    if hello.version != version():
        return f"it is jaxgrok {hello.version}, and the coordinator is {version()}"
    if mixed_bits:
        return ""
    names = [name for name in hello.bits if bits.get(name) != hello.bits[name]]
    differences = [f"{n}={hello.bits[n]} is {bits.get(n)} in this run" for n in names]
    if not differences:
        return ""
    return (
        f"{'; '.join(differences)}: its results would differ in their last bits; make "
        "it equal, or start the sweep with --mixed_bits"
    )
