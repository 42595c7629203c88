"""A grid that a test trains in a blink; the compiler's options, as users have them."""

import functools

import jax

from jaxgrok import grid

UNOPTIMISED = (
    "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
)
"""XLA_FLAGS of the test processes, which compile more than they compute: half the time,
and a quarter less of the cores' where a program is not cut up to be compiled."""
AS_SHIPPED: dict[str, str | bool] = {
    "xla_backend_optimization_level": "3",
    "xla_cpu_parallel_codegen_split_count": "32",
}
"""XLA's defaults, by name: for the fixture `shipped`, and for `jit`."""
if jax.__version_info__ < (0, 11):  # later ones end at a flag that they do not know
    UNOPTIMISED += " --xla_cpu_use_fusion_emitters=false"
    AS_SHIPPED["xla_cpu_use_fusion_emitters"] = True
jit = functools.partial(jax.jit, compiler_options=AS_SHIPPED)
"""For tests of bits, and of what is left after cancellation."""


OF_TRANSFORMERS = {
    "task",
    "equals_logit",
    "layers",
    "attention_only",
    "layer_norm",
    "decay_on",
    "measures",
}
"""Fields that ask for a transformer, or for what is measured in one."""


def config(**fields):
    """Modulus 7, width 8, 40 steps in chunks of 10; `fields` override.

    An MLP, which compiles in half the time, unless a field asks for a transformer.
    """
    made = grid.base("laptop")
    model = "transformer" if fields.keys() & OF_TRANSFORMERS else "mlp"
    made.update(
        {
            "model": model,
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
