"""Does a cell feel its lane, its neighbours, the blocks, or the process? Bit by bit.

`python -m accelerator_sections.lanes SCALE` prints the hashes of a process of its own.
"""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Sequence

import numpy as np

from accelerator_sections.job import Job
from accelerator_sections.shapes import group_of
from jaxgrok import grid
from jaxgrok.engine.engine import Engine
from jaxgrok.training.setup import lane_of

WATCHED, BLOCKS, CHUNKS = 3, 3, 2
EVERY = 50
"""Steps of a chunk."""
OWN_PROGRAMS = {
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",
}
"""For a process that compiles anew, and measures anew which products are fastest."""
Hashes = dict[str, str]
"""By cell."""


def run(job: Job) -> None:
    """Train the same cells in many places, and compare all that they carry."""
    # First, while this process has not taken the device: a TPU has one user at a time.
    process = elsewhere(job.scale)
    anew = elsewhere(job.scale, **OWN_PROGRAMS)
    group = short(job.scale)
    watched = group.cells[:WATCHED]
    one = Engine(group.setup, block_width=group.block_width, blocks=1)
    alone: Hashes = {}
    for cell in watched:
        alone |= train(one, group, [cell])
    job.say(block_width=group.block_width, steps=CHUNKS * EVERY, hashes=alone)

    def same(name: str, hashes: Hashes) -> None:
        differing = [
            c.id for c in watched if hashes.get(c.id, alone[c.id]) != alone[c.id]
        ]
        compared = len(hashes.keys() & alone.keys())
        words = f"{compared - len(differing)} of {compared} cells have the same bits"
        job.check(name, compared > 0 and not differing, words)

    same("another process", process)
    same("another process that compiles anew", anew)
    same("twice in a row", train(one, group, watched[:1]))
    same("any lane, any neighbour", train(one, group, places(group, 1)[::-1]))
    spoilt = [group.cells[WATCHED].id]
    hashes = train(one, group, [group.cells[WATCHED], *watched[:1]], spoilt)
    same("a NaN neighbour", hashes)
    if job.planted:
        same("a spoilt hash", {watched[0].id: hashes[watched[0].id][::-1]})
    del one  # its lanes, before others are made
    several = Engine(group.setup, block_width=group.block_width, blocks=BLOCKS)
    same(f"{BLOCKS} blocks", train(several, group, places(group, BLOCKS)[::-1]))


def short(scale: str) -> grid.Group:
    """Return the group that is trained, with an evaluation every EVERY steps."""
    group = group_of(scale)
    setup = dataclasses.replace(group.setup, eval_every=EVERY, steps_past_grok=0)
    return dataclasses.replace(group, setup=setup)


def places(group: grid.Group, blocks: int) -> Sequence[grid.Cell]:
    """Return as many cells as fill the blocks, the watched ones far apart."""
    lanes = group.block_width * blocks
    cells = list(group.cells[WATCHED : lanes + WATCHED])
    for i, cell in enumerate(group.cells[: min(WATCHED, lanes)]):
        cells[i * (lanes - 1) // max(min(WATCHED, lanes) - 1, 1)] = cell
    return cells[:lanes]


def train(
    engine: Engine,
    group: grid.Group,
    cells: Sequence[grid.Cell],
    spoilt: Collection[str] = (),
) -> Hashes:
    """Train cells from their start, in this order of slots; hash what they end with.

    Args:
        engine: whose lanes are all given up first.
        group: of the cells.
        cells: in the order of their slots.
        spoilt: cells whose weights are NaN from the start.
    """
    for cell_id in engine.cells:
        engine.release(cell_id)
    lanes = {}
    for cell in cells:
        fields = {"init_scale": np.nan} if cell.id in spoilt else {}
        lanes[cell.id] = lane_of(group.setup, **cell.lane | fields)
    engine.admit(lanes)
    for _ in range(CHUNKS):
        engine.advance(EVERY)
    return hashes_of(engine)


def hashes_of(engine: Engine) -> Hashes:
    """Hash all that each busy lane of an engine carries."""
    hashes = {}
    for cell_id, state in engine.save().items():
        digest = hashlib.sha256()
        for leaf in state.leaves:
            digest.update(np.ascontiguousarray(leaf).tobytes())
        hashes[cell_id] = digest.hexdigest()[:16]
    return hashes


def elsewhere(scale: str, **environment: str) -> Hashes:
    """Train one cell in a process of its own.

    Raises:
        RuntimeError: the process failed; with its last line.
    """
    words = [sys.executable, "-m", "accelerator_sections.lanes", scale]
    done = subprocess.run(
        words, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"the second process failed: {''.join(last)}")
    hashes: Hashes = json.loads(done.stdout.splitlines()[-1])
    return hashes


if __name__ == "__main__":
    only = short(sys.argv[1])
    engine = Engine(only.setup, block_width=only.block_width, blocks=1)
    print(json.dumps(train(engine, only, only.cells[:1])))
