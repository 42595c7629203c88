"""The memory that this process may use, and what of it is free."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgrok.host import memory

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/job/step\n", {"job/memory.max": "1000", "memory.max": "2000"}, 1000),
        ("0::/job\n", {"job/memory.max": "max", "memory.max": "2000"}, 2000),
        ("0::/job/step\n", {"job/memory.max": "9", "job/step/memory.max": "max"}, 9),
        ("0::/job\n", {"job/memory.max": "max"}, None),
        (
            "9:cpu:/a\n4:memory:/job\n",
            {"memory/job/memory.limit_in_bytes": "500", "cpu/a/memory.max": "1"},
            500,
        ),
        ("3:cpu:/job\n", {"cpu/job/memory.limit_in_bytes": "500"}, None),
        ("0::/gone\n", {}, None),
    ],
)
def test_memory_is_the_lowest_limit_of_the_control_groups(
    tmp_path, groups, files, limit
):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert memory.total(tmp_path) == (limit or PHYSICAL)


@pytest.fixture
def proc(tmp_path):
    """A machine of which 64 kB are free."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemFree: 9 kB\nMemAvailable:   64 kB\n")
    return tmp_path


def test_what_is_free_is_what_the_machine_has(proc):
    assert memory.available(proc) == 64 * 1024
    (proc / "proc/meminfo").unlink()
    assert memory.available(proc) == memory.total(proc) == PHYSICAL


@pytest.mark.parametrize(
    ("line", "folder", "files"),
    [
        (
            "0::/job\n",
            "job",
            {
                "memory.max": "9000",
                "memory.current": "8000",
                "memory.stat": "anon 5000\ninactive_file 2500\n",
            },
        ),
        (
            "4:memory:/job\n",
            "memory/job",
            {
                "memory.limit_in_bytes": "9000",
                "memory.usage_in_bytes": "8000",
                "memory.stat": "inactive_file 1\ntotal_inactive_file 2500\n",
            },
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_what_is_free_is_what_a_control_group_has_left(proc, line, folder, files):
    (proc / "proc/self/cgroup").write_text(line)
    (proc / "sys/fs/cgroup" / folder).mkdir(parents=True)
    for name, text in files.items():
        (proc / "sys/fs/cgroup" / folder / name).write_text(text)
    assert memory.available(proc) == 9000 - 8000 + 2500


def test_what_is_free_is_what_a_process_has_left_of_its_addresses(proc, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10 * 4096, -1))
    (proc / "proc/self/statm").write_text("7 5 2 1 0 4 0\n")
    pages = os.sysconf("SC_PAGE_SIZE")
    assert memory.total(proc) == 10 * 4096
    assert memory.available(proc) == max(10 * 4096 - 7 * pages, 0)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."),
        RuntimeError("INTERNAL: std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("liba.so: failed to map segment from shared object"),
    ],
    ids=str,
)
def test_whatever_says_that_memory_ran_out_is_understood(error):
    assert memory.ran_out(error)
    words = memory.in_words(error)
    assert words.startswith("memory ran out (") and "ulimit" in words
    assert "\n" not in words and (str(error) or "MemoryError") in words


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a loss of mine"),
        ValueError("it is no file of cells, but bad_alloc"),
        OSError(errno.ENOSPC, "No space left on device"),
        ModuleNotFoundError("No module named 'torch'"),
        KeyError("out of memory"),
    ],
    ids=str,
)
def test_no_other_error_counts_as_the_end_of_memory(error):
    assert not memory.ran_out(error)


def test_what_numpy_raises_for_an_array_that_is_too_large_counts():
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert memory.ran_out(caught.value)
    assert "Unable to allocate 1.00 EiB" in memory.in_words(caught.value)


@pytest.mark.skipif(
    not memory._glibc("malloc_trim"),
    reason="heaps are not those of glibc",
)
def test_what_was_freed_goes_back_to_the_system():
    def resident():
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    # Too small for mappings of their own, and the last one holds the heap's end.
    blocks = [bytearray(b"x" * 50_000) for _ in range(1_000)]
    del blocks[:-1]
    before = resident()
    memory.trim()
    assert resident() < before - 30e6


THREADS = """
import resource, sys, threading
from jaxgrok.host import memory
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, -1))
if sys.argv[1] == "spared":
    memory.spare_addresses()
barrier = threading.Barrier(9)
def work():
    block = bytearray(b"x" * 50_000)
    barrier.wait()
    barrier.wait()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
barrier.wait()
print(int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize())
"""


@pytest.mark.process
@pytest.mark.skipif(not memory._glibc("mallopt"), reason="heaps are not those of glibc")
def test_threads_share_a_heap_where_addresses_are_limited():
    taken = {}
    for word in ("spared", "plain"):
        command = [sys.executable, "-c", THREADS, word]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        taken[word] = int(ran.stdout)
    assert taken["spared"] < taken["plain"] - 3 * 64 * 2**20


def test_memory_is_waited_for_until_it_is_there_or_for_so_long(monkeypatch):
    free = iter([1, 2, 3])
    monkeypatch.setattr(memory, "available", lambda: next(free))
    memory.wait_for(2)
    assert next(free) == 3
    asked = []
    monkeypatch.setattr(memory, "available", lambda: asked.append(1) or 0)
    memory.wait_for(1, seconds=0.01)
    assert asked
