"""What one CPU device compiles, the others of its kind load, with the same result."""

import random
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgrok.engine import program_cache

HIT = "/jax/compilation_cache/cache_hits"


@pytest.fixture
def hits():
    """Programs that JAX loads from its cache from now on."""
    names = []
    jax.monitoring.register_event_listener(lambda name, **_: names.append(name))
    return lambda: names.count(HIT)


@pytest.fixture
def lowered():
    """A function that no run before this one has compiled, for any device."""
    number = random.SystemRandom().random()

    def lower(device):
        x = jax.device_put(np.arange(3.0, dtype=np.float32), device)
        return jax.jit(lambda x: x * np.float32(number)).lower(x), x

    return lower


def test_a_second_cpu_device_loads_what_the_first_compiled(hits, lowered):
    first, second = jax.local_devices()[:2]
    assert program_cache.is_shared(first)
    results = []
    for device, loaded in ((first, 0), (second, 1)):
        before = hits()
        program, x = lowered(device)
        result = program.compile()(x)
        assert hits() - before == loaded
        assert result.devices() == {device}
        results.append(np.asarray(result))
    assert results[0].tobytes() == results[1].tobytes()


def test_nothing_is_shared_without_a_cache():
    (device, *_) = jax.local_devices()
    directory = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        assert not program_cache.is_shared(device)
    finally:
        jax.config.update("jax_compilation_cache_dir", directory)
    assert program_cache.is_shared(device)


@pytest.mark.parametrize("change", ["gone", "other parameters"])
def test_each_device_compiles_where_jax_has_changed(monkeypatch, change):
    from jax._src import cache_key

    name = "_hash_serialized_compile_options"
    if change == "gone":
        monkeypatch.delattr(cache_key, name)
    else:
        monkeypatch.setattr(cache_key, name, lambda hashed, options: None)
    assert not program_cache._unbind.__wrapped__()


def test_what_a_kill_cuts_off_is_no_entry(tmp_path, monkeypatch):
    lru_cache = pytest.importorskip("jax._src.lru_cache")
    assert program_cache.keep_whole()
    cache = lru_cache.LRUCache(str(tmp_path), max_size=-1)

    def cut(path, data):
        with path.open("wb") as file:
            file.write(data[:3])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", cut)
        with pytest.raises(KeyboardInterrupt):
            cache.put("key", b"program")
    assert cache.get("key") is None
    cache.put("key", b"program")
    cache.put("key", b"another")  # the first one stays
    assert cache.get("key") == b"program"
