"""Which machines compute, and how this process reaches them.

>>> with computing(workers) as platform:
...     grid = resolve(config)            # as fits those machines
"""

import contextlib
from collections.abc import Iterator

import jax

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.workers import Workers
from jaxgrok.host import machine, packages


@contextlib.contextmanager
def computing(workers: Workers) -> Iterator[Platform | None]:
    """Speak of the machine that computes; its devices, None if they are not known yet.

    Raises:
        ValueError: a package is missing, or no worker can start here.
    """
    if workers.is_local:
        yield Platform.of(jax.local_devices())
        return
    for name in ("distributed", "cryptography", "msgpack"):
        packages.needed(name, extra="fleet")
    # The devices are for the workers. Without effect once JAX was used.
    jax.config.update("jax_platforms", "cpu")
    if not workers.processes:
        with machine.elsewhere():
            yield None
        return
    from jaxgrok.fleet import children

    hello = children.probe()
    devices = hello.platform.devices
    if workers.processes > devices:
        raise ValueError(
            f"--workers={workers.processes} must be at most {devices}: a worker needs "
            f"a device, and this machine has {devices} × {hello.platform.device_kind}"
        )
    with machine.elsewhere(hello.platform.name, hello.bits):
        yield hello.platform
