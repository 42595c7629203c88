"""Grids that a row trains soon, as files.

>>> words = ["--grid", str(sweep(folder)), "--out", str(run_dir)]
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_SWEEP = '''"""Cells of two budgets, with snapshots of all."""
import tiny
def get_config(scale="laptop"):
    fields = {"modulus": MODULI, "weight_decay": (0.0, 1.0), "steps": (20, 40)}
    fields |= {"seed": SEEDS, "snapshots": "all", "snapshot_every": 20}
    return tiny.config(**fields, model="MODEL")
'''
_ONE_PROGRAM = '''"""Three cells of one program, with snapshots and measures."""
import tiny
def get_config(scale="laptop"):
    fields = {"seed": (0, 1, 2), "snapshots": "all", "snapshot_every": 20}
    return tiny.config(**fields, snapshot_early_until=0, measures="fourier")
'''
_P113 = '''"""Networks of the post's size, which train for a moment."""
from jaxgrok import grid
def get_config(scale="laptop"):
    config = grid.base("post")
    fields = {"modulus": 113, "train_fraction": (0.3,), "weight_decay": (0.0, 1.0)}
    # Lanes that end at different times, and are refilled.
    fields |= {"steps": (16, 24), "seed": (0, 1, 2), "final_states": "none"}
    fields |= {"eval_every": 8, "snapshots": "all", "snapshot_every": 8}
    config.update(fields)
    return config
'''
_LARGE = '''"""Networks of a large modulus, whose states and evaluations take memory."""
from jaxgrok import grid
def get_config(scale="laptop"):
    config = grid.base("laptop")
    fields = {"modulus": 113, "d_model": 64, "heads": 2, "d_head": 32, "d_mlp": 1024}
    # An operation without circuits, whose reading would take the most.
    fields |= {"operation": "random", "final_states": "none"}
    fields |= {"train_fraction": (0.1,), "weight_decay": (0.0, 1.0), "seed": SEEDS}
    fields |= {"steps": (2, 4), "eval_every": 2}
    fields |= {"snapshots": "all", "snapshot_every": 2, "block_width": 2}
    config.update(fields)
    return config
'''
_SEARCH = '''"""A search of two settings."""
import searches
def get_config(scale="laptop"):
    return searches.config(model="MODEL")
'''


def environment(cache: Path, is_short: bool) -> dict[str, str]:
    """Return the variables of a row's runs, with a folder for their programs.

    Those of a short form are on one device; where tests keep programs, theirs come from
    there.
    """
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests"))),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    if is_short:
        kept = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(cache))
        variables["JAX_COMPILATION_CACHE_DIR"] = kept
        variables["JAX_NUM_CPU_DEVICES"] = "1"
    return variables


def sweep(folder: Path, is_short: bool) -> Path:
    """Write the grid file of a sweep: 16 cells in two groups, or four in one."""
    seeds, moduli = ("(0,)", "(5,)") if is_short else ("(0, 1)", "(5, 7)")
    text = _SWEEP.replace("SEEDS", seeds).replace("MODULI", moduli)
    model = "mlp" if is_short else "transformer"
    return _written(folder / "grid.py", text.replace("MODEL", model))


def one_program(folder: Path) -> Path:
    """Write the grid file of a sweep of three cells."""
    return _written(folder / "grid.py", _ONE_PROGRAM)


def p113(folder: Path) -> Path:
    """Write the grid file of a sweep of eight cells at p = 113."""
    return _written(folder / "grid.py", _P113)


def large_modulus(folder: Path, seeds: int) -> Path:
    """Write the grid file of a sweep of four cells a seed, in blocks of two."""
    return _written(folder / "grid.py", _LARGE.replace("SEEDS", str((*range(seeds),))))


def search(folder: Path, is_short: bool = False) -> Path:
    """Write the grid file of a crossover search."""
    model = "mlp" if is_short else "transformer"
    return _written(folder / "searched.py", _SEARCH.replace("MODEL", model))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
