"""The benchmark of TPU programs: the floor that it counts, and when it refuses."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import tiny
from jaxgrok import models

BENCH = Path(__file__).parents[1] / "scripts" / "bench"
sys.path.insert(0, str(BENCH))
import tpu_floor  # noqa: E402
from tpu_reading import Program  # noqa: E402

NO_LIBTPU = importlib.util.find_spec("libtpu") is None


def count(function, *arguments):
    return tpu_floor.count(jax.make_jaxpr(function)(*arguments).jaxpr)


def test_products_are_counted_as_by_hand():
    a, b = jnp.ones((3, 4)), jnp.ones((4, 5))

    def unread(a, b):
        return (a @ b, a + 1)[1]

    def rounds(a, b):
        return jax.lax.scan(lambda c, _: (c + (a @ b).sum(), None), 0.0, length=7)[0]

    def branch(a, b):
        return jax.lax.cond(a[0, 0] > 0, lambda: (a @ b).sum(), lambda: 0.0)

    one = 2 * 3 * 5 * 4
    assert count(jnp.matmul, a, b) == one
    # Of each matrix a gradient: as many multiplications as the product itself.
    assert count(jax.grad(lambda a, b: (a @ b).sum(), (0, 1)), a, b) == 2 * one
    assert count(jax.jit(jnp.matmul), a, b) == one
    assert count(rounds, a, b) == 7 * one
    assert count(branch, a, b) == one
    assert count(unread, a, b) == 0


def test_the_floor_of_an_mlp_is_its_second_matrix():
    setup = tiny.group(model="mlp", d_mlp=16).setup
    # Rows of the first matrix are looked up. The other is multiplied forwards, for its
    # own gradient and for that of its inputs.
    product = 2 * 16 * setup.model.vocab_out
    assert tpu_floor.step_products(setup) == 3 * product * setup.train_size
    assert tpu_floor.evaluation_products(setup) == product * setup.task.pool_size


def test_the_floor_is_the_same_whatever_the_form_of_look_ups():
    setup = tiny.group(model="transformer").setup
    forms = [models.training_form(setup.model, name) for name in ("cpu", "tpu")]
    assert forms[0] != forms[1]
    counts = {
        tpu_floor.step_products(dataclasses.replace(setup, model=form))
        for form in forms
    }
    assert len(counts) == 1


def test_the_floor_in_cycles():
    chip = tpu_floor.CHIPS["v5e"]
    # One pass of 197 TFLOP takes a second: 1.5e9 cycles.
    assert tpu_floor.floor(197 * 10**12, "bf16", chip) == pytest.approx(1.5e9)
    assert tpu_floor.floor(197 * 10**12, "float32", chip) == pytest.approx(9e9)
    # A TPU has no TF32 and computes more.
    assert tpu_floor.floor(197 * 10**12, "tf32", chip) == pytest.approx(4.5e9)


def script(*arguments, first="pass"):
    """Run the script in a process of its own, after a line of Python."""
    code = (
        f"import runpy, sys; {first}; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    path = str(BENCH / "tpu_program.py")
    command = [sys.executable, "-c", code, path, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.process
def test_a_missing_compiler_is_one_line_and_exit_code_2():
    result = script("--only", "mainline", first="sys.modules['libtpu'] = None")
    assert result.returncode == 2
    assert result.stderr == (
        "error: libtpu is not installed: pip install 'jaxgrok[tpu]'\n"
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--lanes=6", "--block_width=4"], "lanes=6 must be a multiple of block_width"),
        (["--programs=train,sing"], "programs=sing is unknown; choose of"),
        (["--topology=v9"], "topology=v9"),
        (["mainline"], "argument mainline is unknown"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    result = script(*arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


GRID = """
from jaxgrok import grid

def get_config(scale="laptop"):
    config = grid.base(scale)
    config.update(modulus=7, d_model=8, heads=2, d_head=4, d_mlp=16)
    config.train_fraction = (0.5,)
    return config
"""


@pytest.mark.process
@pytest.mark.skipif(NO_LIBTPU, reason="libtpu is not installed: the extra tpu")
def test_a_tiny_grid_is_compiled_for_a_tpu_that_is_not_there(tmp_path):
    file, rows = tmp_path / "seven.py", tmp_path / "rows.json"
    file.write_text(GRID)
    result = script(
        "--only", file, "--lanes=4", "--block_width=2", "--json", rows,
        "--save", tmp_path, "--scale=laptop",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    first, *_, last = result.stdout.splitlines()
    assert "not a clock" in first
    summary = json.loads(last)
    assert summary["cycles_per_lane_step"] > summary["floor"] > 0
    assert summary["scatter"] == summary["float64"] == 0
    assert summary["memory_per_lane"] > 0 and summary["bytes_per_lane_step"] > 0
    assert summary["compile_seconds"] > 0
    assert sum(summary["parts"].values()) == pytest.approx(1)
    assert summary["parts"]["optimiser"] > 0
    assert summary["evaluate"]["cycles_per_lane"] > 0
    written = json.loads(rows.read_text())["rows"]
    assert [row["program"] for row in written] == ["train", "evaluate"]
    # The compiled text is kept, and reads the same again.
    (text,) = tmp_path.glob("*-train.txt")
    program = Program.read(text.read_text())
    step = program.cycles(program.step_body())
    assert step.total / 2 == pytest.approx(written[0]["cycles"])
