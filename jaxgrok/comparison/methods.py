"""From the cells of a run to pairs: each method beside the baseline, seed by seed.

>>> for pairing in pairings(axes, "optimiser=adamw"):
...     print(pairing.method, pairing.setting, pairing.cells, pairing.baseline_cells)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxgrok.fields.values import listed, shown
from jaxgrok.grid import selector as selectors
from jaxgrok.grid.selector import Selector
from jaxgrok.host.terminal import number

FEWEST_SEEDS = 5
"""Fewest pairs of an interval: resampled, 4 of them cover 90% where 95% is meant."""

Axes = Mapping[str, Any]
"""Name → value of every axis, of one cell."""
Key = tuple[Any, ...]
"""Values of some axes, in their order."""


@dataclass(frozen=True)
class Pairing:
    """A method and the baseline in one setting.

    Attributes:
        method: its name.
        baseline: that of the baseline.
        setting: the axes of the setting, with their values.
        cells: [seeds] indices of the method's cells.
        baseline_cells: [seeds] of the baseline's, with the same seeds in this order.
    """

    method: str
    baseline: str
    setting: dict[str, Any]
    cells: list[int]
    baseline_cells: list[int]


@dataclass(frozen=True)
class Roles:
    """What the axes of a run are for.

    Attributes:
        method: axes that tell methods apart.
        setting: axes that tell settings apart.
    """

    method: tuple[str, ...]
    setting: tuple[str, ...]


def pairings(
    cells: Sequence[Axes],
    baseline: Selector,
    settings: Sequence[str] | None = None,
) -> list[Pairing]:
    """Pair every other method with the baseline, in each setting that it has.

    Args:
        cells: the axis values of every cell.
        baseline: axis values that fit one method.
        settings: axes that tell settings apart; see `roles`.

    Returns:
        Method by method, both methods and settings as they come in the grid.

    Raises:
        ValueError: an axis or a value is unknown, the baseline is several methods or
            the only one, or the seeds of a pair differ.
    """
    axes = roles(cells, baseline, settings)
    seeds = _seeds(cells, axes)
    baseline_key = _baseline_key(cells, baseline, axes)
    labels = _labels(axes.method, seeds)
    # Not only those that differ from it in one axis: a method is all of its axes.
    rivals = [key for key in seeds if key != baseline_key]
    if not rivals:
        raise ValueError(
            f"all cells are of one method, {labels[baseline_key]}: there is nothing to "
            "compare; name in the baseline the axes that tell methods apart "
            f"({_choices(cells)})"
        )
    pairs = []
    for key in rivals:
        for setting, indices in seeds[key].items():
            pairing = Pairing(
                labels[key],
                labels[baseline_key],
                dict(zip(axes.setting, setting, strict=True)),
                list(indices.values()),
                [],
            )
            reference = seeds[baseline_key].get(setting, {})
            _check_pair(pairing, indices, reference, axes)
            pairing.baseline_cells.extend(reference[seed] for seed in indices)
            pairs.append(pairing)
    return pairs


def roles(
    cells: Sequence[Axes], baseline: Selector, settings: Sequence[str] | None = None
) -> Roles:
    """Tell the axes of methods from those of settings.

    The axes that the baseline names tell methods apart. Every other one that varies is
    of the settings, unless a method has one value of it: the learning rate of a part of
    a chain belongs to its method. Where the settings are named instead, all other axes
    but the seed are of the methods, unless method and setting leave no choice of them:
    so each method may have, in each setting, a learning rate of its own.

    Args:
        cells: the axis values of every cell.
        baseline: the selector of the baseline.
        settings: names of the axes of settings; None to find them.

    Raises:
        ValueError: an axis is unknown, or named for both; the baseline has a seed.
    """
    selectors.matching(cells, baseline, "baseline")
    method = selectors.axes_of(baseline, "baseline")
    if "seed" in method:
        raise ValueError(
            "baseline: methods are paired by seed; leave the seed out of the baseline"
        )
    candidates = []
    for name in cells[0]:
        is_varied = len({_known(cell[name]) for cell in cells}) > 1
        if is_varied and name != "seed" and name not in method:
            candidates.append(name)
    if settings is None:
        free = [name for name in candidates if not _follows(cells, name, method)]
        return Roles(method, tuple(free))
    _check_settings(cells, settings, method)
    fixed = (*method, *settings)
    free = [
        name
        for name in candidates
        if name not in settings and not _follows(cells, name, fixed)
    ]
    return Roles((*method, *free), tuple(settings))


def _check_settings(
    cells: Sequence[Axes], settings: Sequence[str], method: Sequence[str]
) -> None:
    """Refuse names that are no axes of settings."""
    for name in settings:
        if name not in cells[0]:
            raise ValueError(
                f"settings: axis {shown(name)} is unknown; axes are {listed(cells[0])}"
            )
        if name == "seed":
            raise ValueError("settings: seed is no setting; cells are paired by it")
        if name in method:
            raise ValueError(
                f"settings: {name} is named in the baseline too; it tells methods or "
                "settings apart, not both"
            )


def _follows(cells: Sequence[Axes], name: str, others: Sequence[str]) -> bool:
    """Tell whether the values of other axes leave one value of an axis."""
    # The first cell with these values sets what every other one must have.
    values: dict[Key, Any] = {}
    for cell in cells:
        value = _known(cell[name])
        if values.setdefault(key_of(cell, others), value) != value:
            return False
    return True


def _seeds(cells: Sequence[Axes], axes: Roles) -> dict[Key, dict[Key, dict[Any, int]]]:
    """Return method → setting → seed → index of the cell."""
    methods: dict[Key, dict[Key, dict[Any, int]]] = {}
    for index, cell in enumerate(cells):
        settings = methods.setdefault(key_of(cell, axes.method), {})
        seeds = settings.setdefault(key_of(cell, axes.setting), {})
        seeds[cell["seed"]] = index
    return methods


def _baseline_key(cells: Sequence[Axes], baseline: Selector, axes: Roles) -> Key:
    """Return the method that the baseline's selector fits; ValueError for several."""
    indices = selectors.matching(cells, baseline, "baseline")
    keys = {key_of(cells[index], axes.method) for index in indices}
    if len(keys) > 1:
        columns = zip(axes.method, zip(*keys, strict=True), strict=True)
        names = [name for name, values in columns if len(set(values)) > 1]
        raise ValueError(
            f"baseline {shown(baseline)} fits {len(keys)} methods; say more: "
            f"{', '.join(names)}"
        )
    return keys.pop()


def _check_pair(
    pairing: Pairing, seeds: Iterable[Any], reference: Iterable[Any], axes: Roles
) -> None:
    """Refuse a method whose seeds in a setting are not those of the baseline."""
    label = words(pairing.setting) or "the run"
    if not reference:
        raise ValueError(
            f"{label} has {pairing.method} without the baseline, {pairing.baseline}; "
            "name in the baseline all axes that tell methods apart, or name the axes "
            f"of the settings (now {listed(axes.setting)})"
        )
    if set(seeds) != set(reference):
        alone = sorted(set(seeds) ^ set(reference))
        owner = pairing.method if alone[0] in set(seeds) else pairing.baseline
        raise ValueError(
            f"{label}: {pairing.method} and {pairing.baseline} are not paired: only "
            f"{owner} has seed {alone[0]}; give both the same seeds"
        )
    if len(set(seeds)) < FEWEST_SEEDS:
        count = number(len(set(seeds)), "seed")
        raise ValueError(
            f"{label}: {pairing.method} has {count}; an interval takes at least "
            f"{FEWEST_SEEDS}"
        )


def words(setting: Mapping[str, Any]) -> str:
    """Return a setting in words: `operation=x+y train_fraction=0.5`."""
    return " ".join(f"{name}={value_name(value)}" for name, value in setting.items())


def value_name(value: Any) -> str:
    """Return the value of an axis in words: a dash where a part lacks the axis."""
    return "–" if _known(value) is None else str(value)


def _labels(names: Sequence[str], methods: Iterable[Key]) -> dict[Key, str]:
    """Name every method by the values that tell it apart from others."""
    keys = list(methods)
    columns = zip(names, zip(*keys, strict=True), strict=True)
    is_varied = [len(set(values)) > 1 for _, values in columns]
    labels = {}
    for key in keys:
        parts = []
        for name, value, varied in zip(names, key, is_varied, strict=True):
            # A word says what it is; a number, and a truth value, needs its name.
            if (varied or len(keys) == 1) and value is not None:
                parts.append(value if isinstance(value, str) else f"{name}={value}")
        labels[key] = ", ".join(parts) or words(dict(zip(names, key, strict=True)))
    return labels


def _choices(cells: Sequence[Axes]) -> str:
    """Return the names of the axes that could tell methods apart."""
    return listed(name for name in cells[0] if name != "seed")


def key_of(cell: Axes, names: Sequence[str]) -> Key:
    """Return the values of some axes; None where a part lacks one."""
    return tuple(_known(cell[name]) for name in names)


def _known(value: Any) -> Any:
    """Return a value; None for the NaN, unequal to itself, of a part without it."""
    return None if value != value else value
