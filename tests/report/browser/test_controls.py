"""Keyboard, menus, sliders and the address; the dark, and a phone."""

import pytest

import browsed
from jaxgrok.report import page as pages

pytestmark = pytest.mark.browser


def test_the_squares_are_walked_by_the_keyboard(show, run):
    tab = show(run.path / pages.FILE)
    tab.focus("#controls")
    assert tab.locator('[role=gridcell][tabindex="0"]').count() == 1
    tab.focus('[role=gridcell][tabindex="0"]')
    focused = "document.activeElement.id"
    assert tab.evaluate(focused) == "square-0-1-0"
    walk = {"ArrowRight": "1-1", "ArrowDown": "0-1", "ArrowLeft": "0-0", "End": "0-2"}
    for key, place in walk.items():
        tab.keyboard.press(key)
        assert tab.evaluate(focused) == f"square-0-{place}"
    tab.keyboard.press("Enter")
    assert tab.locator('[aria-selected="true"]').get_attribute("id") == "square-0-0-2"
    assert tab.evaluate(focused) == "square-0-0-2"
    assert tab.locator("#tip").inner_text().startswith("train fraction 0.3")


def test_menus_and_slider_change_the_diagram_and_the_address(show, run):
    tab = show(run.path / pages.FILE)
    menus = tab.locator("#controls select")
    for measure in (
        menus.nth(2).locator("option").evaluate_all("o => o.map(x => x.value)")
    ):
        menus.nth(2).select_option(measure)
        assert f"colour={measure}" in tab.url
    menus.nth(0).select_option("seed")
    assert "x=seed" in tab.url
    slider = tab.locator("#controls input[type=range]")
    slider.fill("1")
    assert "at.weight_decay=0.1" in tab.url
    menus.nth(2).select_option("phase")
    browsed.check(tab, run.dataset().isel(weight_decay=[1]), x="seed")
    again = show(run.path / pages.FILE, "#" + tab.url.partition("#")[2])
    assert browsed.squares(again) == browsed.squares(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colour_scheme_and_fits_a_phone(show, run, scheme):
    size = {"width": 390, "height": 844}
    tab = show(run.path / pages.FILE, color_scheme=scheme, viewport=size)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    fill = "document.querySelector('.plot .bg, .plot .main-svg').style"
    assert tab.evaluate(f"{fill}.background || {fill}.fill") != ""
