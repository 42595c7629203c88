"""A grid that a test trains in a blink; a compiler that does not optimise."""

import functools

import jax

from jaxgrok import grid

UNOPTIMISED = {"xla_backend_optimization_level": "0"}
jit = functools.partial(jax.jit, compiler_options=UNOPTIMISED)
"""For draws and what is looked at once: half the time of `jax.jit` to compile. The
oracle, lanes and bits are tested in programs that are optimised."""


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
