"""The page of all fields: `python -m jaxgrok.grid.fields_page > docs/fields.md`."""

from collections.abc import Mapping
from typing import Any

from jaxgrok.fields.checks import allowed
from jaxgrok.fields.field import Field
from jaxgrok.grid import fields

INTRODUCTION = """\
# Fields of a grid

Every setting of a grid file, made by `python -m jaxgrok.grid.fields_page`. A *traced*
field is always a tuple, an axis, and its values share one program. Any other becomes an
axis when it is given as a tuple, with a program for each value, unless it has *one
value* for the whole sweep. Presets are what a scale has instead of the default.
"""


def page() -> str:
    """Return docs/fields.md: a table for every owner of fields."""
    general = fields.general()
    traced = {name: field for name, field in general.items() if field.traced}
    static = {name: field for name, field in general.items() if not field.traced}
    ordered = sorted(traced.values(), key=lambda field: field.axis_order)
    parts = [
        INTRODUCTION,
        _section("Traced", {field.name: field for field in ordered}),
        _section("Static", static),
    ]
    for kind, registry in fields.OWNERS.items():
        for name, entry in registry.items():
            own = fields.rows_of(kind, name)
            presets = getattr(entry, "presets", {})
            if own or presets:
                parts.append(_section(f"`{kind} = {name!r}`", own, presets))
    return "\n".join(parts)


def _section(
    title: str, own: Mapping[str, Field], presets: Mapping[str, Any] | None = None
) -> str:
    """Return a heading, a table of fields, and what the presets set."""
    lines = [f"## {title}", ""]
    if own:
        lines += ["| field | default | allowed | meaning |", "|---|---|---|---|"]
    for field in own.values():
        cells = [f"`{field.name}`", _default(field), allowed(field), _meaning(field)]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    for scale, preset in (presets or {}).items():
        if preset:
            words = ", ".join(f"`{name}={value!r}`" for name, value in preset.items())
            lines += ["", f"Presets at scale `{scale}`: {words}."]
    return "\n".join([*lines, ""])


def _default(field: Field) -> str:
    value = field.axis if field.traced else field.default
    return "must be given" if value is None else f"`{value!r}`"


def _meaning(field: Field) -> str:
    """Return what a field means, its unit, and how far its one value reaches."""
    words = field.help
    if field.unit:
        words += f" ({field.unit})"
    if field.shared:
        words += "; one value"
    return words


if __name__ == "__main__":
    print(page(), end="")
