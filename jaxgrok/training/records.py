"""What one evaluation of a lane says: the schema of a record, and packing it.

Inside jit a record is one flat array. The schema says which entries are whose, and
travels with the curves to disk, so that a reader needs neither the task nor the model.

>>> record_schema = schema(setup, ["embed.W_E", "unembed.W_U"])
>>> record_schema.unpack(array).values[record_schema.columns("sum_of_squares")]
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxgrok.tasks import component_names
from jaxgrok.training.lane import Lane
from jaxgrok.training.measures import MEASURES, NOTHING, frequencies
from jaxgrok.training.setup import Setup

FLAGS = ("finished", "diverged_step")
"""What a packed record ends with, after the curves of its schema."""
NEVER = -1
"""The packed `diverged_step` of a lane whose losses were all finite."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One quantity that every evaluation records.

    Attributes:
        name: what it is called, in the dataset too.
        dim: the dimension its entries lie along ("component", "matrix", "freq"), or ""
            for a single number.
        labels: the name or number of each entry along `dim`; () without one.
        unit: "nats" or "steps"; "" for a pure number.
    """

    name: str
    dim: str = ""
    labels: tuple[str | int, ...] = ()
    unit: str = ""

    @property
    def size(self) -> int:
        """Entries in one record."""
        return len(self.labels) if self.dim else 1


STEP = Curve("step", unit="steps")
PLAIN = (
    Curve("train_loss", unit="nats"),
    Curve("train_accuracy"),
    Curve("test_loss", unit="nats"),
    Curve("test_accuracy"),
    Curve("max_train_loss", unit="nats"),
)
"""The curves that every cell has, whatever it trains."""
CURVES = tuple(curve.name for curve in PLAIN)
COMPONENT_CURVES = {f"component_{name}": name for name in CURVES[:4]}
"""Curves of each component → the plain curve they split up."""
JUDGEMENTS = {
    "train_loss": "train_accuracy",
    "test_loss": "test_accuracy",
    "component_train_loss": "component_train_accuracy",
    "component_test_loss": "component_test_accuracy",
}
"""Each loss → the accuracy of the same predictions."""


class Record(NamedTuple):
    """One evaluation of one cell, unpacked."""

    finished: bool
    """Whether the cell has ended: budget spent, grokked or diverged."""
    diverged_step: int | None
    """First step whose training loss was not finite."""
    values: np.ndarray
    """[columns], in the order of the schema."""


@dataclasses.dataclass(frozen=True)
class Schema:
    """The curves of a record, in the order in which they are packed."""

    curves: tuple[Curve, ...]

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        """Made once: every result of a sweep is looked up by its schema."""
        return hash(self.curves)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the curves, in order."""
        return tuple(curve.name for curve in self.curves)

    @functools.cached_property
    def _slices(self) -> dict[str, slice]:
        """Columns of each curve by its name."""
        slices, start = {}, 0
        for curve in self.curves:
            slices[curve.name] = slice(start, start + curve.size)
            start += curve.size
        return slices

    @property
    def width(self) -> int:
        """Columns of a record, all entries of all curves."""
        return sum(curve.size for curve in self.curves)

    def __getitem__(self, name: str) -> Curve:
        """Return the curve of a name; KeyError if there is none."""
        return self.curves[self.names.index(self._known(name))]

    def __contains__(self, name: str) -> bool:
        return name in self._slices

    def columns(self, name: str) -> slice | int:
        """Return where a curve stands among the columns: an index without `dim`."""
        columns = self._slices[self._known(name)]
        return columns if self[name].dim else columns.start

    def pack(
        self,
        values: Mapping[str, ArrayLike],
        *,
        finished: jax.Array,
        diverged_step: jax.Array,
        dtype: str,
    ) -> jax.Array:
        """Pack one evaluation, inside jit: [columns + flags].

        Args:
            values: for each curve a scalar, or an array along its dimension.
            finished: whether the lane has ended.
            diverged_step: first step with a loss that was not finite, or NEVER.
            dtype: of the packed array.

        Raises:
            ValueError: a value is not of the shape that the schema says.
        """
        parts = []
        for curve in self.curves:
            value = jnp.asarray(values[curve.name], dtype)
            shape = (curve.size,) if curve.dim else ()
            if value.shape != shape:
                raise ValueError(
                    f"{curve.name} has shape {value.shape}; it must have {shape}"
                    + (f", one entry a {curve.dim}" if curve.dim else "")
                )
            parts.append(jnp.atleast_1d(value))
        # The step too is exact in float32: `Lane.steps` is at most 2^24.
        flags = (finished, diverged_step)
        parts.append(jnp.stack([jnp.asarray(flag, dtype) for flag in flags]))
        return jnp.concatenate(parts)

    def unpack(self, array: np.ndarray) -> Record:
        """Unpack what `pack` made; `values` is a copy.

        An accuracy is NaN where its loss is, and both are once a lane has diverged.
        """
        # A view would keep the records of all lanes in memory.
        values, flags = array[: self.width].copy(), array[self.width :]
        diverged_step = int(flags[FLAGS.index("diverged_step")])
        self._void(values, diverged=diverged_step != NEVER)
        return Record(
            finished=bool(flags[FLAGS.index("finished")]),
            diverged_step=None if diverged_step == NEVER else diverged_step,
            values=values,
        )

    @functools.cached_property
    def _judgements(self) -> tuple[list[int], list[int]]:
        """Columns of losses, and of the accuracies of the same predictions."""
        columns = np.arange(self.width)
        losses: list[int] = []
        accuracies: list[int] = []
        for loss, accuracy in JUDGEMENTS.items():
            if loss in self:
                losses += columns[self.columns(loss)].ravel().tolist()
                accuracies += columns[self.columns(accuracy)].ravel().tolist()
        return losses, accuracies

    def _void(self, values: np.ndarray, *, diverged: bool) -> None:
        """Put NaN for accuracies of logits that are NaN, whose argmax says nothing."""
        losses, accuracies = self._judgements
        if diverged:
            values[losses] = np.nan
        is_void = np.isnan(values[losses])
        values[accuracies] = np.where(is_void, np.nan, values[accuracies])

    def with_steps(self) -> "Schema":
        """Return the schema of a whole curve's rows: the step, then a record."""
        return Schema((STEP, *self.curves))

    def _known(self, name: str) -> str:
        """Refuse the name of a curve that is not recorded."""
        if name not in self._slices:
            raise KeyError(f"{name} is not recorded; choose one of {self.names}")
        return name


def schema(setup: Setup, matrices: Sequence[str]) -> Schema:
    """Return the schema of the records that a setup makes.

    Args:
        setup: decides the components and the measure.
        matrices: names of the parameters, sorted.

    Raises:
        ValueError: a curve of the measure has the name of another field or curve.
    """
    components = component_names(setup.task)
    curves = [*PLAIN, Curve("sum_of_squares", "matrix", tuple(matrices))]
    if components:
        for name, whole in COMPONENT_CURVES.items():
            unit = PLAIN[CURVES.index(whole)].unit
            curves.append(Curve(name, "component", components, unit))
    # A dataset holds fields and curves side by side. The names of component curves are
    # reserved in every task, so that a measure fits all tasks or none.
    reserved = {STEP.name, *(curve.name for curve in curves), *COMPONENT_CURVES}
    for owner in (Lane, Setup):
        reserved |= {row.name for row in dataclasses.fields(owner)}
    labels: dict[str, tuple[str | int, ...]] = {
        "": (),
        "matrix": tuple(matrices),
        "component": components,
        "freq": frequencies(setup.task),
    }
    measure = MEASURES.get(setup.measures, NOTHING)
    for name, dim in measure.dims.items():
        if name in reserved:
            raise ValueError(
                f"measures={setup.measures!r} records a curve named {name!r}, which is "
                "the name of something else; rename it"
            )
        curves.append(Curve(name, dim, labels[dim], measure.units.get(name, "")))
    return Schema(tuple(curves))
