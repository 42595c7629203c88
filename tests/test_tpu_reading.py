"""What is read in the text of a program that was compiled for a TPU."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "bench"))
from tpu_reading import Program, part_of

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
  %fusion.5 = f32[9]{{0}} fusion(%p.1), calls=%fused_scatter, metadata={{op_name="{
    LOOP
}/jvp(loss)"}}
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


def test_slow_operations_without_an_estimate_are_named(program):
    assert program.cycles("step_body").missing == ["scatter f32[9] (loss)"]


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
