"""Compile a program of the engine for a TPU that is not there, and read the result.

>>> row("mainline", setup, "train", Size(CHIPS["v5e"], blocks=1, width=16))
"""

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tpu_floor
from jax.experimental import topologies
from tpu_floor import Chip
from tpu_reading import COPIES, NAMES, Program

from jaxgrok.engine import programs
from jaxgrok.engine.compilation import unsized
from jaxgrok.engine.device import suited
from jaxgrok.engine.platform import Platform, refuse
from jaxgrok.host.files.paths import file_name
from jaxgrok.tasks import is_pool
from jaxgrok.training import trainer
from jaxgrok.training.setup import Setup

PROGRAMS = ("initialise", "train", "evaluate", "insert", "extract", "parameter_vector")
OF_LANES = ("train", "evaluate")
"""Those that act on every lane; the others act on one."""


@dataclasses.dataclass
class Row:
    """What the compiler says of one program.

    Attributes:
        grid: what is trained.
        program: one of PROGRAMS.
        precision: of its matrix products.
        examples: rows of a training step.
        cycles: a lane-step of `train`; a lane of `evaluate`; else the whole program.
        floor: cycles that the matrix units need for its products.
        parts: share of the cycles by part; none where a program acts on one lane.
        gradient: share of the cycles that compute gradients.
        bytes: that XLA counts, with the body of a loop once: of a lane, or of the
            whole program that acts on one.
        memory: bytes of arguments and temporaries, likewise.
        largest_block: lanes of the widest block that fits the chip; 0 likewise.
        scatter: operations in the whole program, as gather, float64 and copies.
        copies: transposes among them.
        missing: gathers, scatters and sorts, with result and part, that take time but
            have no estimate, so that `cycles` has none of them.
        code: bytes of the program.
        error: why there is no such program; everything else is unknown then.
    """

    grid: str
    program: str
    precision: str
    examples: int
    cycles: float = 0
    floor: float = 0
    parts: dict[str, float] = dataclasses.field(default_factory=dict)
    gradient: float = 0
    bytes: float = 0
    memory: float = 0
    largest_block: int = 0
    scatter: int = 0
    gather: int = 0
    float64: int = 0
    copies: int = 0
    missing: list[str] = dataclasses.field(default_factory=list)
    lowering_seconds: float = 0
    compile_seconds: float = 0
    code: int = 0
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Size:
    """What to compile for.

    Attributes:
        chip: the kind of TPU.
        blocks: blocks of lanes, one after the other.
        width: lanes of a block.
    """

    chip: Chip
    blocks: int
    width: int

    @property
    def lanes(self) -> int:
        """Lanes in all."""
        return self.blocks * self.width


def row(
    name: str, setup: Setup, program: str, size: Size, folder: str | None = None
) -> Row:
    """Compile one program of a setup; what goes wrong becomes the row's error.

    Args:
        name: what is trained, for the table.
        setup: of every lane, in any form.
        program: one of PROGRAMS.
        size: the chip and the lanes.
        folder: where the compiled text is kept.
    """
    result = Row(name, program, setup.precision, setup.batch_size or setup.train_size)
    try:
        _fill(result, setup, size, folder)
    except Exception as error:
        result.error = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return result


def _fill(result: Row, setup: Setup, size: Size, folder: str | None) -> None:
    """Compile and read."""
    topology = topologies.get_topology_desc(
        platform="tpu", topology_name=size.chip.topology
    )
    device = topology.devices[0]
    setup = suited(setup, device)
    refuse([setup], Platform.of(topology.devices))
    times = [time.perf_counter()]
    lowered = lower(setup, result.program, device, size)
    times.append(time.perf_counter())
    compiled = lowered.compile()
    times.append(time.perf_counter())
    result.lowering_seconds = round(times[1] - times[0], 1)
    result.compile_seconds = round(times[2] - times[1], 1)
    text = compiled.as_text() or ""
    if folder:
        words = f"{result.grid} {result.program}".replace(" ", "-")
        (Path(folder) / f"{file_name(words)}.txt").write_text(text)
    read(result, Program.read(text), size)
    measure(result, compiled, size)
    if result.program in OF_LANES:
        operations = {
            "train": tpu_floor.step_products,
            "evaluate": tpu_floor.evaluation_products,
        }[result.program](setup)
        result.floor = tpu_floor.floor(operations, setup.precision, size.chip)


def lower(
    setup: Setup, program: str, device: jax.Device, size: Size
) -> jax.stages.Lowered:
    """Lower a program as the engine does, for arrays that are not there."""
    sharding = jax.sharding.SingleDeviceSharding(device)

    def shaped(tree: Any, *lead: int) -> Any:
        def one(x: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((*lead, *x.shape), x.dtype, sharding=sharding)

        return jax.tree.map(one, tree)

    blocks, width = size.blocks, size.width
    content = programs.one_lane(setup)
    carry = shaped(content, blocks, width)
    slot = shaped(np.zeros(2, np.int32))
    if program == "train":
        active, steps = shaped((np.zeros(blocks, bool), np.int32(0)))
        return programs.train.lower(setup, carry, active, steps)
    if program == "evaluate":
        # Of a pool, one program serves every train size.
        setup = unsized(setup) if is_pool(setup.task) else setup
        lanes, states = shaped(programs.one_lane(setup), blocks, width)
        busy = shaped(np.zeros((blocks, width), bool))
        states = states._replace(opt_state=())
        return programs.evaluate.lower(setup, lanes, states, busy)
    if program == "initialise":
        init = jax.jit(functools.partial(trainer.init, unsized(setup)))
        return init.lower(shaped(content[0]))
    if program == "insert":
        return programs.insert.lower(carry, slot, shaped(content))
    if program == "extract":
        return programs.extract.lower(carry, slot)
    return programs.parameter_vector.lower(carry[1].params, slot)


def read(result: Row, program: Program, size: Size) -> None:
    """Set what stands in the compiled text."""
    if result.program == "train":
        # One step of one block: the blocks run one after the other.
        cycles, lanes = program.cycles(program.step_body()), size.width
    else:
        cycles = program.cycles()
        lanes = size.lanes if result.program == "evaluate" else 1
    result.cycles = cycles.total / lanes
    result.missing = cycles.missing
    if result.program in OF_LANES:
        total = max(cycles.total, 1)
        result.parts = {name: cycles.parts[name] / total for name in NAMES}
        result.gradient = cycles.gradient / total
    result.scatter = program.count("scatter")
    result.gather = program.count("gather")
    result.float64 = program.count_type("f64")
    result.copies = program.count(*COPIES - {"copy-done"})


def measure(result: Row, compiled: jax.stages.Compiled, size: Size) -> None:
    """Set what the compiler says of bytes and memory."""
    memory = compiled.memory_analysis()
    assert memory is not None
    held, temporary = memory.argument_size_in_bytes, memory.temp_size_in_bytes
    result.bytes = (compiled.cost_analysis() or {}).get("bytes accessed", 0)
    result.memory = held + temporary
    result.code = memory.generated_code_size_in_bytes
    if result.program in OF_LANES:
        result.bytes /= size.width  # the loop over blocks is counted once
        result.memory /= size.lanes
        # Temporaries grow with the width of a block, whatever the number of blocks.
        lane = held / size.lanes + temporary / size.width
        result.largest_block = int(size.chip.memory / lane)
