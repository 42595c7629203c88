"""JAX's cache of compiled programs, with one entry for all devices of a kind.

>>> if is_shared(device): ...  # compile for one device first, then for the others
"""

import functools
import inspect
from typing import Any

import jax


def is_shared(device: jax.Device) -> bool:
    """Tell whether a program that one device compiled serves the others of its kind.

    JAX finds it in its cache then, loads it, and binds it to the other device.
    """
    options: Any = jax.config
    if not (options.jax_enable_compilation_cache and options.jax_compilation_cache_dir):
        return False
    # A GPU's entries name no device; for the other kinds JAX has not decided.
    return device.platform == "gpu" or (device.platform == "cpu" and _unbind())


@functools.cache
def _unbind() -> bool:
    """Leave the device out of the key of a CPU's program; False where JAX changed.

    The compiled code is the same for every CPU device, and JAX binds it to a device as
    it loads an entry. It has no public option for what it does on GPUs.
    """
    try:
        from jax._src import cache_key

        hash_options: Any = cache_key._hash_serialized_compile_options
    except (ImportError, AttributeError):
        return False
    if "strip_device_assignment" not in inspect.signature(hash_options).parameters:
        return False

    @functools.wraps(hash_options)
    def hash_without_device(
        hashed: Any, options: Any, strip_device_assignment: bool = False
    ) -> Any:
        # A program over several devices keeps their order.
        alone = options.num_replicas == options.num_partitions == 1
        strip = strip_device_assignment or alone
        return hash_options(hashed, options, strip_device_assignment=strip)

    cache_key._hash_serialized_compile_options = hash_without_device
    return True
