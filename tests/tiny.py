"""A grid that a test trains in a blink; the compiler's options, as users have them."""

import functools

import jax

from jaxgrok import grid

UNOPTIMISED = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
"""Flags of the test processes, which compile more than they compute: half the time."""
AS_SHIPPED = {
    "xla_backend_optimization_level": "3",
    "xla_cpu_use_fusion_emitters": True,
}
"""XLA's defaults, by name: for the fixture `shipped`, and for `jit`."""
jit = functools.partial(jax.jit, compiler_options=AS_SHIPPED)
"""For tests of bits, and of what is left after cancellation."""


def config(**fields):
    """Modulus 7, width 8, 40 steps in chunks of 10; `fields` override."""
    made = grid.base("laptop")
    made.update(
        {
            "modulus": 7,
            "d_model": 8,
            "heads": 2,
            "d_head": 4,
            "d_mlp": 16,
            "eval_every": 10,
            "steps": (40,),
            "train_fraction": (0.5,),
            "block_width": 2,
        }
    )
    made.update(fields)
    return made


def group(**fields):
    """The single group of such a grid."""
    (only,) = grid.resolve(config(**fields)).groups
    return only
