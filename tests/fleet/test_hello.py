"""A worker says what it is; one of another version or other bits is refused by name."""

import pytest

from jaxgrok.fleet import hello
from jaxgrok.host import machine


def test_this_process_describes_itself_and_may_take_part():
    greeting = hello.here()
    assert greeting.platform.name == "cpu" and greeting.platform.devices == 4
    assert greeting.bits == machine.bits()
    assert hello.refusal(greeting, machine.bits(), mixed_bits=False) == ""


@pytest.mark.parametrize("mixed_bits", [False, True])
def test_another_version_is_refused_whatever_its_bits(mixed_bits):
    other = hello.here()._replace(version="0.0.1 abc")
    words = hello.refusal(other, machine.bits(), mixed_bits=mixed_bits)
    assert words == (
        f"it is jaxgrok 0.0.1 abc, and the coordinator is {hello.version()}"
    )


@pytest.mark.parametrize("name", sorted(machine.bits()))
def test_other_bits_are_refused_by_name(name):
    bits = machine.bits() | {name: "another"}
    other = hello.here()._replace(bits=bits)
    words = hello.refusal(other, machine.bits(), mixed_bits=False)
    assert words.startswith(f"{name}=another is {machine.bits()[name]} in this run: ")
    assert "--mixed_bits" in words
    assert hello.refusal(other, machine.bits(), mixed_bits=True) == ""


def test_all_that_differs_is_named():
    other = hello.here()._replace(bits={"device": "abacus", "cpu_threads": 999})
    words = hello.refusal(other, machine.bits(), mixed_bits=False)
    assert "device=abacus is " in words and "cpu_threads=999 is " in words
