"""What a step launches, counted in the text of a compiled program."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp

CHECKS = Path(__file__).parent.parent / "scripts" / "checks"
launches = runpy.run_path(str(CHECKS / "accelerator_sections" / "kernels.py"))[
    "launches"
]
GPU = """HloModule jit_train, is_scheduled=true, entry_computation_layout={(f32[16]{0})}

%fused_add (p: f32[16]) -> f32[16] {
  %p = f32[16]{0} parameter(0)
  ROOT %add.1 = f32[16]{0} add(%p, %p)
}

%command_buffer (q: f32[16]) -> f32[16] {
  %q = f32[16]{0} parameter(0)
  %gemm.1 = (f32[16]{0}, s8[64]{0}) custom-call(%q), custom_call_target="__cublas$gemm"
  %got = f32[16]{0} get-tuple-element(%gemm.1), index=0
  ROOT %loop_add = f32[16]{0} fusion(%got), kind=kLoop, calls=%fused_add
}

%step (state: (s32[], f32[16])) -> (s32[], f32[16]) {
  %state = (s32[], /*index=1*/f32[16]{0}) parameter(0)
  %n = s32[] get-tuple-element(%state), index=0
  %one = s32[] constant(1)
  %next = s32[] fusion(%n, %one), kind=kLoop, calls=%fused_add
  %x = f32[16]{0} get-tuple-element(%state), index=1
  %y = f32[16]{0:T(128)} call(%x), to_apply=%command_buffer
  %copy-start.1 = (f32[16]{0}, f32[16]{0}, u32[]) copy-start(%y)
  %copy-done.1 = f32[16]{0} copy-done(%copy-start.1)
  ROOT %both = (s32[], f32[16]{0}) tuple(%next, %copy-done.1)
}

%more (state: (s32[], f32[16])) -> pred[] {
  %state.1 = (s32[], f32[16]{0}) parameter(0)
  %n.1 = s32[] get-tuple-element(%state.1), index=0
  ROOT %less = pred[] compare(%n.1, %n.1), direction=LT
}

ENTRY %main (x: f32[16]) -> f32[16] {
  %x.1 = f32[16]{0} parameter(0)
  %sorted = f32[16]{0} sort(%x.1), dimensions={0}, to_apply=%fused_add
  %start = (s32[], f32[16]{0}) tuple(%x.1, %sorted)
  %loop = (s32[], f32[16]{0}) while(%start), condition=%more, body=%step
  ROOT %end = f32[16]{0} get-tuple-element(%loop), index=1
}
"""


def test_fusions_library_calls_and_copies_of_the_loop_body_are_counted():
    assert launches(GPU) == {"fusion": 2, "custom-call": 1, "copy-start": 1}


def test_the_body_with_the_most_operations_is_the_step():
    def step(_, x):
        return jnp.sin(x) @ x + jnp.sort(x, 0)

    def outer(_, x):
        return jax.lax.fori_loop(0, x.shape[0], step, x) + 1

    x = jnp.ones((40, 40))
    program = jax.jit(lambda x: jax.lax.fori_loop(0, 3, outer, x)).lower(x).compile()
    count = launches(program.as_text())
    assert count.total() >= 2
    assert not {"parameter", "tuple", "while"} & count.keys()


def test_a_program_without_a_loop_has_no_step():
    text = jax.jit(jnp.sin).lower(1.0).compile().as_text()
    assert launches(text).total() == 0
