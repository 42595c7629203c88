"""A real browser, for tests of the page; without one they skip."""

import shutil

import pytest

import jaxgrok
import reported

READY = "html[data-ready]"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install 'jaxgrok[browser]'"
    )
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no chromium: apt-get install chromium-headless-shell")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser, tmp_path):
    """A function that opens a file; nothing may be said or asked for behind it."""
    problems, contexts = [], []

    def show(path, fragment="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: note(request.url))
        tab.goto(f"{path.as_uri()}{fragment}")
        tab.wait_for_selector(READY)
        return tab

    def note(url):
        if not url.startswith(("file:", "blob:", "data:")):
            problems.append(url)

    yield show
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 18 cells in 6 squares, two of them pending."""
    folder = reported.write(tmp_path_factory.mktemp("runs") / "mine", pending=2)
    reported.page(folder)
    return jaxgrok.open(folder)
