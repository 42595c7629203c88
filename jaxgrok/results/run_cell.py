"""One cell of a run as it is read: its snapshots, and what its network learned.

>>> cell = jaxgrok.open("runs/mainline-post").cell("seed=0")
>>> cell.params(step=5_000)["embed.W_E"]                  # [vocab, model]
"""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from flax import linen as nn

from jaxgrok.grid.cells import Cell
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host.files.paths import file_name
from jaxgrok.models import MODELS
from jaxgrok.results import snapshots
from jaxgrok.tasks import TASKS, Task, is_pool
from jaxgrok.training import examples

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit
    from jaxgrok.circuits.network import Network
    from jaxgrok.results.run import Run

LONGEST_LABEL = 200
"""Bytes of a cell's name; file systems take 255, and an ending comes to it."""


class RunCell:
    """One cell of a run: its settings, its snapshots and what it learned.

    Attributes:
        run: the run it belongs to.
        index: its row of cells.csv.
        cell: its axis values, traced scalars and identity.
    """

    def __init__(self, run: "Run", index: int) -> None:
        self.run = run
        self.index = index
        self.cell: Cell = run.manifest.cells[index]

    def __repr__(self) -> str:
        return f"<cell {self.index} of {self.run.path}: {self.label}>"

    @property
    def axes(self) -> dict[str, Any]:
        """Its axis values."""
        return self.cell.axes

    @property
    def label(self) -> str:
        """Its axis values as a file name: weight_decay=1.0,seed=0."""
        words = ",".join(f"{axis}={value}" for axis, value in self.axes.items())
        name = file_name(words)
        return name if len(name.encode()) <= LONGEST_LABEL else f"cell={self.index}"

    @property
    def task(self) -> Task:
        """Its task; ValueError if it is not registered."""
        task: Task = self._built[0]
        return task

    @property
    def model(self) -> nn.Module:
        """Its model; ValueError if it is not registered."""
        model: nn.Module = self._built[1]
        return model

    @functools.cached_property
    def _built(self) -> tuple[Any, Any]:
        """Build the task and the model; ValueError if one is not registered."""
        manifest = self.run.manifest
        settings = manifest.config | self.cell.static
        for field, registry in (("task", TASKS), ("model", MODELS)):
            if settings[field] not in registry:
                # What the directory names is never executed: the user says so.
                file = manifest.grid_file
                raise ValueError(_unregistered(field, settings[field], registry, file))
        return manifest.network(self.index)

    def steps(self) -> list[int]:
        """Return the steps of its snapshots, ascending; ValueError if it has none."""
        # The same training may have gone on in a cell of a longer budget.
        budget = self.cell.lane["steps"]
        steps = [s for s in self.run.snapshots.steps(self.cell.kin) if s <= budget]
        if not steps:
            raise ValueError(f"{self.run.path}: {self._no_snapshots()}")
        return steps

    def _no_snapshots(self) -> str:
        """Word the refusal of a cell without snapshots: which cells have some."""
        indices = self.run.indices_with_snapshots()
        text = f"cell {self.index} has no snapshots; "
        if not indices:
            return text + snapshots.WAY_TO_HAVE
        first = ", ".join(map(str, indices[:8]))
        return f"{text}cells {first}{' …' if indices[8:] else ''} have"

    def params(self, step: int | None = None) -> dict[str, np.ndarray]:
        """Return its parameters, by their TransformerLens names.

        Args:
            step: of a snapshot; the last by default.

        Raises:
            ValueError: it has no snapshots, or none of that step.
        """
        step = self.checked_step(step)
        trajectory = self.run.snapshots.load(self.cell.kin, [step])
        return {name: array[0] for name, array in trajectory.items()}

    def checked_step(self, step: int | None = None) -> int:
        """Return the step of a snapshot (the last for None); ValueError if unknown."""
        steps = self.steps()
        step = steps[-1] if step is None else step
        if step not in steps:
            nearest = min(steps, key=lambda other: abs(other - step))
            raise ValueError(
                f"step={step} of cell {self.index} was not kept; the nearest is "
                f"{nearest}, the last {steps[-1]} ({len(steps)} in all)"
            )
        return step

    def last_finite_step(self) -> int | None:
        """Return the step of the last snapshot that holds finite numbers only."""
        steps, params = self.trajectory()
        finite = steps[_finite(params)]
        return int(finite[-1]) if finite.size else None

    def trajectory(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return all its snapshots: steps [snaps] and {name: [snaps, ...]}."""
        steps = self.steps()
        return np.array(steps), self.run.snapshots.load(self.cell.kin, steps)

    def is_train(self) -> np.ndarray | None:
        """Return which examples of its task's pool it trained on.

        Returns:
            [pool] bool; None if the task has no pool: its examples are drawn.
        """
        task, lane = self.task, self.cell.lane
        if not is_pool(task):
            return None
        # The training's own split: the first n_train of the pool in the seed's order.
        order = np.asarray(examples.order(lane["seed"], task.pool_size))
        is_train = np.zeros(task.pool_size, bool)
        is_train[order[: lane["n_train"]]] = True
        return is_train

    def network(self, step: int | None = None) -> "Network":
        """Return its activations over every pair of its task, in float64.

        Args:
            step: of a snapshot; the last by default.

        Raises:
            ValueError: it has no such snapshot, its task has no Fourier reading, or
                the network diverged.
        """
        return self.network_of(self.params(step))

    def network_of(self, params: Mapping[str, np.ndarray]) -> "Network":
        """Return the activations of parameters that are read already: as `network`."""
        # Circuits are imported when one is read: most users of a run want its curves.
        from jaxgrok.circuits.network import read

        task, model = self._built
        return read(task, model, params, self.is_train())

    def circuit(
        self, step: int | None = None, *, key_rule: str | None = None
    ) -> "Circuit":
        """Return the circuit that it learned.

        Args:
            step: of a snapshot; the last by default.
            key_rule: which frequencies are key; one of
                `jaxgrok.fourier.key_frequencies.KEY_RULES`. By default W_L, where there
                is a circuit.

        Raises:
            ValueError: as `network`, and for an unknown rule.
        """
        from jaxgrok.circuits.circuit import circuit

        return circuit(self.network(step), key_rule=key_rule)

    def measures(
        self, key_frequencies: Sequence[int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the progress measures of all its snapshots.

        Args:
            key_frequencies: fixed ones, or None for each snapshot's own.

        Returns:
            Name → [snaps, ...], as `jaxgrok.circuits.trajectory.trajectory` has them.
            Snapshots that are not finite are left out.

        Raises:
            ValueError: it has no snapshots, or its task no Fourier reading.
        """
        from jaxgrok.circuits.trajectory import trajectory

        task, model = self._built
        steps, params = self.trajectory()
        is_finite = _finite(params)
        if not is_finite.all():
            steps = steps[is_finite]
            params = {name: array[is_finite] for name, array in params.items()}
        return trajectory(task, model, steps, params, self.is_train(), key_frequencies)


def _finite(params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Tell which snapshots hold finite numbers only: [snaps] bool."""
    is_finite = np.ones(len(next(iter(params.values()))), bool)
    for array in params.values():
        is_finite &= np.isfinite(array).reshape(len(array), -1).all(1)
    return is_finite


def _unregistered(
    field: str, value: str, registry: Mapping[str, Any], grid_file: GridFile | None
) -> str:
    """Word the refusal of a task or model that only a grid file registers."""
    path = grid_file.path if grid_file else None
    origin = f", the run's grid file is {path}" if path else ""
    return (
        f"{field}={value!r} is unknown (there are {', '.join(registry)}){origin}; give "
        f"the file that registers it: --grid {path or 'FILE'}, or in Python "
        f"jaxgrok.grid.load_registrations({str(path) if path else 'FILE'!r})"
    )
