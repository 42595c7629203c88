"""What one evaluation of a lane says: the entries of a record, in order.

>>> columns(setup, ["embed.W_E", "unembed.W_U"])
('train_loss', 'train_accuracy', ..., 'embed.W_E', 'unembed.W_U')
"""

from jaxgrok.tasks import component_names
from jaxgrok.training import measures
from jaxgrok.training.setup import Setup

CURVES = (
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "max_train_loss",
)
COMPONENT_CURVES = tuple(f"component_{name}" for name in CURVES[:4])
FLAGS = ("finished", "diverged_step")


def columns(setup: Setup, matrices: list[str]) -> tuple[str, ...]:
    """Names of a record's entries, in order, its flags left out.

    A component or frequency stands behind a slash: component_test_loss/digit 0.
    """
    components = component_names(setup.task)
    parts = [f"{name}/{part}" for name in COMPONENT_CURVES for part in components]
    measured = measures.columns(setup.task) if setup.measures == "fourier" else ()
    return (*CURVES, *matrices, *parts, *measured)
