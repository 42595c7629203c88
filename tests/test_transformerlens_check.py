"""The lines that load an export in TransformerLens are found, and a fault is seen."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "checks"))
import transformerlens
from transformerlens_lines import DOCUMENT, VERSIONS, lines


def words(tree):
    """Names that a program has."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lines_for_each_version_give_what_is_compared(version):
    load, use = map(ast.parse, lines(version).rsplit("\n\n", 1))
    constants = [n.value for n in ast.walk(load) if isinstance(n, ast.Constant)]
    assert {"model.npz", "cfg.json"} <= set(constants)
    names = {"3": "HookedTransformer", "4": "TransformerBridge"}
    assert {names[version], "model"} == words(load) & {*names.values(), "model"}
    assert {"model", "answers", "attention"} <= words(use)


def test_no_line_for_transformer_lens_is_left_untried():
    section = DOCUMENT.read_text().split("## In TransformerLens\n")[1].split("\n## ")[0]
    assert section.count("```python") == len(VERSIONS)


def test_a_document_without_the_lines_is_refused(tmp_path):
    document = tmp_path / "circuit.md"
    document.write_text(DOCUMENT.read_text().replace("TransformerLens 3,", "TL 3,"))
    assert lines("4", document) == lines("4")
    with pytest.raises(ValueError, match="0 blocks of lines for TransformerLens 3"):
        lines("3", document)


@pytest.mark.long
@pytest.mark.parametrize("name", ["answers float64", "attention float32"])
@pytest.mark.parametrize("fault", [0.0, 1e-3, np.nan])
def test_a_difference_is_seen_in_its_precision(tmp_path, name, fault):
    case = tmp_path / "case"
    transformerlens.random(5, {"d_model": 8, "heads": 2, "d_head": 4}, case)
    made = case / "4" / "made"
    transformerlens.random(5, {"d_model": 8, "attention_only": True}, made)
    for weights, results in ((case, made.parent), (made, made)):
        arrays = transformerlens.outputs(weights / "model.npz")
        if results == made:
            arrays[name] = arrays[name] + arrays[name].dtype.type(fault)
        np.savez(results / "theirs.npz", **arrays)
    worst = transformerlens.compare(case, "4")
    expected = [fault, 0] if name.endswith("float64") else [0, fault]
    np.testing.assert_allclose(worst, expected, rtol=1e-3)


@pytest.mark.process
def test_weights_that_are_not_there_are_one_line_and_code_2():
    command = [sys.executable, transformerlens.__file__, "nowhere.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
