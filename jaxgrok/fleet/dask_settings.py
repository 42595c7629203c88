"""What the two sides of a Dask fleet agree on.

>>> security = security_of(certificate, key)
"""

import logging

import dask
from distributed.security import Security

SETTINGS = {
    # A busy coordinator, or network, is not a lost one.
    "distributed.comm.timeouts.connect": "15s",
    "distributed.comm.timeouts.tcp": "60s",
    # They watch tasks, of which there are none, and cost a thread.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.work-stealing": False,
}
dask.config.set(SETTINGS)
# What matters of what it says, the coordinator says in its own words.
logging.getLogger("distributed").setLevel(logging.CRITICAL)


def security_of(certificate: str, key: str) -> Security:
    """Return TLS for one who has the key of a certificate, and trusts no other."""
    names = ("client", "scheduler", "worker")
    pairs = {f"tls_{name}_cert": certificate for name in names}
    pairs |= {f"tls_{name}_key": key for name in names}
    pairs["tls_ca_file"] = certificate
    return Security(require_encryption=True, **pairs)  # type: ignore[no-untyped-call]
