"""The benchmark of TPU programs: what it reads, what it counts, and when it refuses."""

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
from tpu_reading import Program, part_of  # noqa: E402

NO_LIBTPU = importlib.util.find_spec("libtpu") is None

LOOP = "jit(train)/while/body/vmap()/while/body"
MODEL = "jvp(TrainingTransformer)/TrainingTransformer._layer"


def line(name, shape, opcode, cycles, scope, more=""):
    return (
        f"  %{name} = {shape} {opcode}(%p.1, /*index=1*/%p.2){more}, "
        f'metadata={{op_name="{scope}" stack_frame_id=3}}, '
        f'backend_config={{"window_config":{{"estimated_cycles":"{cycles}"}}}}'
    )


TEXT = f"""\
HloModule jit_train, is_scheduled=true, entry_computation_layout={{(f32[2,4]{{1,0}})}}

%fused_scatter (p.1: f32[4]) -> f32[4] {{
  %p.1 = f32[4]{{0:T(128)}} parameter(0)
  ROOT %scatter.1 = f32[4]{{0:T(128)}} scatter(%p.1, %p.1, %p.1), to_apply=%sum
}}

%fused_copy (p.1: f64[4]) -> f64[4] {{
  %p.1 = f64[4]{{0:T(128)}} parameter(0)
  %bitcast.1 = f64[2,2]{{1,0:T(8,128)}} bitcast(%p.1)
  ROOT %copy.2 = f64[2,2]{{0,1:T(8,128)}} copy(%bitcast.1)
}}

%inner_condition (s: (s32[])) -> pred[] {{
  %constant.1 = s32[]{{:T(128)}} constant(3)
  ROOT %compare.1 = pred[]{{:T(512)}} compare(%s, %constant.1), direction=LT
}}

%inner_body (s: (s32[])) -> (s32[]) {{
{line("fusion.1", "f32[4]{0:T(128)}", "fusion", 5, f"{LOOP}/while/body/jvp(loss)/mul")}
}}

%step_condition (s: (s32[], s32[])) -> pred[] {{
  ROOT %compare.2 = pred[]{{:T(512)}} compare(%s, %n), direction=LT
}}

%step_body (s: (s32[], f32[4])) -> (s32[], f32[4]) {{
{
    line(
        "fusion.2",
        "(f32[4]{0:T(128)}, f32[8,4]{1,0:T(8,128)S(1)})",
        "fusion",
        100,
        f"{LOOP}/{MODEL}/TrainingTransformer._mlp_after/dot_general",
    )
}
{
    line(
        "fusion.3",
        "f32[4]{0}",
        "fusion",
        40,
        f"{LOOP}/transpose({MODEL})/TrainingTransformer._heads/look_up/dot_general",
        ", kind=kOutput, calls=%fused_scatter",
    )
}
{
    line(
        "fusion.4",
        "f64[2,2]{0,1}",
        "fusion",
        7,
        f"{LOOP}/transpose({MODEL})/add",
        ", kind=kLoop, calls=%fused_copy",
    )
}
{line("copy.1", "f32[2,2]{0,1}", "copy", 3, f"{LOOP}/jvp(loss)/exp")}
{line("add.1", "f32[4]{0}", "add", 2, f"{LOOP}/optimiser/mul")}
{line("iota.1", "s32[4]{0}", "iota", 1, "")}
  %while.1 = (s32[]) while(%t), condition=%inner_condition, body=%inner_body
}}

%idle (s: f32[4]) -> f32[4] {{
{line("copy.3", "f32[4]{0}", "copy", 11, "")}
}}

%busy (s: f32[4]) -> f32[4] {{
{line("copy.4", "f32[4]{0}", "copy", 13, "")}
  %while.2 = (s32[], f32[4]) while(%t), condition=%step_condition, body=%step_body
}}

%block_condition (s: (s32[])) -> pred[] {{
  ROOT %compare.3 = pred[]{{:T(512)}} compare(%s, %c), direction=LT
}}

%block_body (s: (s32[])) -> (s32[]) {{
{line("copy.5", "f32[900]{0}", "copy", 9000, "")}
  %c.1 = f32[4]{{0}} conditional(%b, %t, %u), branch_computations={{%idle, %busy}}
}}

ENTRY %main (p.1: f32[2,4]) -> f32[2,4] {{
  %while.3 = (s32[]) while(%t), condition=%block_condition, body=%block_body, \
backend_config={{"known_trip_count":{{"n":"2"}}}}
}}
"""


@pytest.fixture(scope="module")
def program():
    return Program.read(TEXT)


def test_the_step_is_the_loop_that_no_text_counts(program):
    # The loop over blocks has more cycles of its own, but runs twice.
    assert program.step_body() == "step_body"


def test_every_cycle_of_a_step_belongs_to_one_part(program):
    cycles = program.cycles("step_body")
    assert dict(cycles.parts) == {
        "MLP": 100,
        "look-up": 40,
        "copies": 7 + 3,
        "optimiser": 2,
        "other": 1,
        "loss": 3 * 5,  # an inner loop of three rounds
    }
    assert cycles.total == 168
    assert cycles.gradient == 40


def test_the_whole_program_has_its_loops_rounds_and_its_dearest_branch(program):
    assert program.cycles().total == 2 * (9000 + 13 + 168)


def test_operations_inside_fusions_are_counted(program):
    assert program.count("scatter") == 1
    assert program.count("gather") == 0
    assert program.count("copy") == 5
    assert program.count_type("f64") == 4


def test_a_text_without_a_program_is_refused():
    with pytest.raises(ValueError, match="no compiled program"):
        Program.read("HloModule nothing")
    with pytest.raises(ValueError, match="no loop"):
        Program.read("ENTRY %main (p: f32[4]) -> f32[4] {\n}").step_body()


@pytest.mark.parametrize(
    "part, scope",
    [
        ("attention", f"{LOOP}/{MODEL}/TrainingTransformer._heads/exp"),
        ("attention", f"{LOOP}/{MODEL}/TrainingTransformer._heads/attention/mul"),
        (
            "look-up",
            f"{LOOP}/transpose({MODEL})/TrainingTransformer._heads/scatter-add",
        ),
        ("look-up", f"{LOOP}/jvp(TrainingTransformer)/concatenate"),
        ("look-up", f"{LOOP}/transpose(jvp(MLP))/scatter-add"),
        ("MLP", f"{LOOP}/transpose(jvp(MLP))/dot_general"),
        (
            "unembedding",
            f"{LOOP}/jvp(Transformer)/TrainingTransformer._unembed_read/add",
        ),
        ("loss", f"{LOOP}/jvp(loss)/reduce_sum"),
        ("loss", f"{LOOP}/jvp()/log"),
        ("optimiser", f"{LOOP}/optimiser/sqrt"),
        ("other", f"{LOOP}/add"),
    ],
)
def test_the_part_follows_from_the_scope(part, scope):
    assert part_of(scope) == part


def count(function, *arguments):
    return tpu_floor.operations(jax.make_jaxpr(function)(*arguments).jaxpr)


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
    setup = tiny.group().setup
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
    assert tpu_floor.floor(197 * 10**12, "default", chip) == pytest.approx(1.5e9)
    assert tpu_floor.floor(197 * 10**12, "highest", chip) == pytest.approx(9e9)


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
