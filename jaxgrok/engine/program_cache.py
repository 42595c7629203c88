"""JAX's cache of compiled programs, with one entry for all devices of a kind.

>>> if is_shared(device): ...  # compile for one device first, then for the others
>>> keep_whole()
"""

import functools
import inspect
import os
from pathlib import Path
from typing import Any

import jax

from jaxgrok.host.files.atomic_files import atomic_path


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


@functools.cache
def keep_whole() -> bool:
    """Have JAX write an entry whole or not at all; False where JAX changed.

    It writes them in place. What a kill cuts off it can not read, does not replace, and
    compiles again in every process to come.
    """
    try:
        from jax._src import lru_cache

        cache: Any = lru_cache.LRUCache
        put, suffix = cache.put, lru_cache._CACHE_SUFFIX
    except (ImportError, AttributeError):
        return False

    @functools.wraps(put)
    def put_whole(self: Any, key: str, value: bytes) -> None:
        path = os.fspath(self.path / f"{key}{suffix}")
        # A bucket has whole objects only, and a cache of limited size its own lock.
        if not key or self.eviction_enabled or "://" in path:
            put(self, key, value)
        elif not os.path.exists(path):
            with atomic_path(Path(path)) as temporary:
                temporary.write_bytes(value)

    cache.put = put_whole
    return True
