"""Programs in processes of their own, as users start them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def python(program, *arguments):
    """Run a program in Python, with flags of the interpreter."""
    return subprocess.run(
        [sys.executable, *arguments, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def command_without_jax(module, words):
    """Run the `main` of a module; the process fails if that imports JAX."""
    return python(
        f"import sys, importlib; code = importlib.import_module({module!r})"
        f".main({['x', *words]!r}); assert 'jax' not in sys.modules; sys.exit(code)"
    )
