"""A grid so small that a test trains it in a blink."""

from jaxgrok import grid


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
