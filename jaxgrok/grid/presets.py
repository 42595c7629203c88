"""Where a config starts: every field, at a task's presets for a scale.

`post` is what the post's authors ran, `laptop` a size that shows the same on two cores
in minutes. Defaults and presets stand beside the task, model or optimiser they belong
to.

    >>> config = base("laptop", "digits")
    >>> config.weight_decay = (0.1, 1.0)
"""

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import ml_collections

from jaxgrok.fields.checks import refuse_other_than_tuple, unknown_field
from jaxgrok.fields.values import listed, plain, shown
from jaxgrok.grid import fields
from jaxgrok.host import machine

SCALES = ("post", "laptop")


class Config(ml_collections.ConfigDict):  # type: ignore[misc]  # which is untyped
    """A ConfigDict whose fields follow the task, model and optimiser it names.

    Fields of one of these that nobody has set are replaced when another one is named.
    Arrays and ranges are kept as tuples, and a list is refused as an axis; the parts of
    a chain stay in the order in which they are written.
    """

    _scale: str | None = None
    _unset: frozenset[str] = frozenset()

    def __setitem__(self, key: str, value: Any) -> None:
        if not key.isidentifier():
            raise ValueError(unknown_field(key, fields.every()))
        value = plain(value)
        if key in fields.traced():
            refuse_other_than_tuple(key, value)
        if key == "chain" and isinstance(value, dict):
            # The names of its parts may have dots: {"rate 0.1": {…}}.
            value = ml_collections.ConfigDict(
                value, type_safe=False, sort_keys=False, allow_dotted_keys=True
            )
        try:
            super().__setitem__(key, value)
        except OverflowError:  # a whole number beyond the largest float, cast to one
            raise ValueError(f"{key}={shown(value)} must be a finite number") from None
        # What somebody has set stays, whatever owner is named later.
        self._remember(self._scale, self._unset - {key})
        # No scale yet: the config is being filled, or copied.
        if self._scale is not None and key in fields.OWNERS:
            self.follow(self._scale)

    def follow(self, scale: str) -> None:
        """Give the fields that nobody has set the values of their present owners."""
        unset_before = self._unset
        self._remember(None, frozenset())  # so that no step below follows again
        with self.unlocked():
            # Deleted first: the new owners may not have all of the old ones' fields.
            for name in unset_before.intersection(self.keys()):
                del self[name]
            values = _agreed(self, scale)
            unset = [name for name in values if name not in self]
            for name in unset:
                self[name] = values[name]
        self._remember(scale, frozenset(unset))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._remember(state.get("_scale"), state.get("_unset", frozenset()))

    def copy_and_resolve_references(self, visit_map: Any = None) -> "Config":
        """Return a copy that knows which fields somebody has set."""
        copy: Config = super().copy_and_resolve_references(visit_map)
        copy._remember(self._scale, self._unset)
        return copy

    def _remember(self, scale: str | None, unset: frozenset[str]) -> None:
        # Attributes of a ConfigDict are its fields: these two are not.
        object.__setattr__(self, "_scale", scale)
        object.__setattr__(self, "_unset", unset)


def _agreed(config: Config, scale: str) -> dict[str, Any]:
    """Return the fields of a config's task, model and optimiser, with their presets.

    Where an axis names several, the fields on which they agree; each program completes
    the others.
    """
    axes = [
        config[kind] if isinstance(config[kind], tuple) else (config[kind],)
        for kind in fields.OWNERS
    ]
    agreed: dict[str, Any] = {}
    differing: set[str] = set()
    for names in itertools.product(*axes):
        owners = dict(zip(fields.OWNERS, names, strict=True))
        # A name that nobody registered is refused where the config is resolved.
        if not _registered(owners):
            continue
        values = fields.defaults(owners, scale)
        for name in fields.own(owners).keys() & values.keys():
            if agreed.setdefault(name, values[name]) != values[name]:
                differing.add(name)
    return {name: value for name, value in agreed.items() if name not in differing}


def _registered(owners: Mapping[str, Any]) -> bool:
    """Tell whether a task, model and optimiser are all known by their names."""
    return all(owners[kind] in registry for kind, registry in fields.OWNERS.items())


def base(
    scale: str = "auto",
    task: str = "modular",
    scales: Mapping[str, str] = MappingProxyType({}),
) -> ml_collections.ConfigDict:
    """Return every field at a task's presets.

    Args:
        scale: `post` is the post's own sizes, `laptop` small ones that show the same
            phases in minutes on two cores; `auto` is `laptop` on a CPU and `post` on an
            accelerator.
        task: a shipped task, or one that was registered.
        scales: scales of the grid file's own, each with the one whose presets it starts
            from: {"quick": "laptop"}.

    Raises:
        ValueError: the scale or the task is unknown.
    """
    machine.prepare()  # before anything below uses JAX
    if scale == "auto":
        scale = "laptop" if machine.platform_of_jax() == "cpu" else "post"
    name, scale = scale, scales.get(scale, scale)
    if scale not in SCALES:
        choices = listed((*SCALES, *scales))
        raise ValueError(
            f"scale={shown(scale)} is unknown; choose one of {choices}, auto"
        )
    values = {
        name: field.axis if field.traced else field.default
        for name, field in fields.general().items()
    }
    values |= {"task": task, "scale": scale}
    # A preset may name another model, whose own presets are to count then.
    values |= fields.defaults(values, scale)
    presets = fields.defaults(values, scale)
    for name in presets.keys() - fields.every().keys():
        raise ValueError(
            f"presets of task={task!r}: {unknown_field(name, fields.every())}"
        )
    general = fields.general()
    values = {name: value for name, value in values.items() if name in general}
    values |= {name: value for name, value in presets.items() if name in general}
    config = Config(values, type_safe=False)
    # The constructor sorts keys. Set here, a chain keeps the order of its parts.
    config.chain = {}
    config.follow(scale)
    config.scale = name
    return config
