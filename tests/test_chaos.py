import subprocess
import sys

import pytest

from chaotic import CHAOS


def chaos(*words):
    command = [sys.executable, str(CHAOS), *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.process
class TestChaos:
    def test_rows_are_listed(self):
        assert "kills: SIGKILL at any moment" in chaos("--list").stdout

    def test_every_row_stands_on_the_page(self):
        page = (CHAOS.parents[2] / "docs" / "reliability.md").read_text()
        for line in chaos("--list").stdout.splitlines():
            name, *_ = line.split(":")
            assert f"| `{name}` |" in page

    @pytest.mark.parametrize(
        "words, message",
        [
            ((), "error: --out DIR is missing"),
            (("--out", "x", "--only", "kill"), "error: unknown row 'kill'; there are"),
        ],
    )
    def test_bad_input_is_one_line_and_exit_code_2(self, words, message):
        ran = chaos(*words)
        assert ran.returncode == 2
        assert ran.stderr.startswith(message)
        assert ran.stderr.count("\n") == 1
