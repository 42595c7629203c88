"""What an optimiser is made by: its types.

>>> def rule(setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import optax

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup

Transformation: TypeAlias = optax.GradientTransformation
Mask: TypeAlias = Callable[[Mapping[str, Any]], dict[str, bool]]
"""Tells of each parameter of a lane, by name, whether it decays."""
Rule: TypeAlias = "Callable[[Setup, Lane, jax.Array, Mask | None], Transformation]"
"""Makes an optax optimiser of (setup, lane, learning rate, mask of what decays)."""
