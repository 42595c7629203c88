import base64
import hashlib
import re

import pytest

import reported
from jaxgrok.report import page


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    run = reported.write(tmp_path_factory.mktemp("runs") / "mine")
    return reported.page(run).read_text(encoding="utf-8")


def test_no_script_runs_but_those_whose_hash_the_policy_has(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules["script-src"]


def test_the_page_names_no_address_and_has_no_link(html):
    assert "http" not in html.replace("http-equiv", "")
    assert not re.search(r"\b(href|src)=", html)


def test_no_slot_of_the_template_is_left(html):
    assert not re.search(r"^%\w+%$|=\"%\w+%\"|>%\w+%<", html, re.MULTILINE)


def test_the_scripts_are_all_in_the_page():
    names = {file.stem for file in page._ASSETS.glob("*.js")}
    assert names - {page.PLOTLY.removesuffix(".js")} == set(page.SCRIPTS)


def test_plotly_comes_with_its_licence():
    assert "MIT License" in page._asset("plotly-LICENSE.txt")


def test_nothing_is_written_into_the_page_as_markup():
    for name in page.SCRIPTS:
        code = page._asset(f"{name}.js")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", code
        )


def test_a_page_is_replaced_as_a_whole(tmp_path):
    path = reported.write(tmp_path / "run")
    file = reported.page(path)
    first = file.read_bytes()
    reported.page(path)
    assert len(file.read_bytes()) == len(first)
    assert not list(path.glob(".*.tmp"))


def test_a_page_is_written_again_from_what_lies_in_the_folder(tmp_path):
    path = reported.write(tmp_path / "run")
    first = page.rewrite(path).read_bytes()
    (path / "circuits.csv").write_text("cell,step\n0,100\n")
    assert page.rewrite(path) == path / page.FILE
    assert (path / page.FILE).read_bytes() != first
