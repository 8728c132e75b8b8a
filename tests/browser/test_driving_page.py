"""The page of closed-loop runs in a real browser: numbers open episodes, replays play, two drivers run at the same time."""

from __future__ import annotations

import pytest

from tests.browser.test_report_page import READY, asked_only_for
from tests.report import test_driving_page as made_by
from tests.report.page_runs import HOSTILE

folders, page = made_by.folders, made_by.page
EPISODES = "Number(document.getElementById('count').textContent.split(' ')[0])"
PANES = "[...document.querySelectorAll('.pane')].map((pane) => pane.dataset.run)"
CAR = "document.querySelector('.bird.world .ego').getAttribute('transform')"
CHOOSE_SECOND = (
    "(() => { const box = document.getElementById('second-driver'); box.selectedIndex = 1; "
    "box.dispatchEvent(new Event('change')); })()"
)


@pytest.fixture
def tab(chromium, page):
    chromium.resize(1280)
    chromium.appearance("light")
    chromium.open("about:blank")
    chromium.open(page.page, READY)
    yield chromium
    assert chromium.problems == []
    assert chromium.evaluate("typeof window.pwned") == "undefined"
    asked_only_for(chromium, page.page.parent)


def test_numbers_and_marks_open_the_episodes_behind_them(tab):
    assert tab.evaluate(EPISODES) == 8
    tab.click('#summary tr[data-run="drive-fast"] [data-column="red_light_rate"] button')
    assert tab.evaluate("document.getElementById('filter-fault').value") == "red-light"
    assert tab.evaluate(EPISODES) == 1
    assert HOSTILE[1] in tab.evaluate("document.querySelector('.drive [data-fault=red-light] title').textContent")
    tab.click("#reset")
    tab.click('#scenario-chart [data-scenario="light"]')
    assert tab.evaluate("document.getElementById('filter-scenario').value") == "light"
    assert 0 < tab.evaluate(EPISODES) < 8


def test_an_episode_plays_with_both_drivers_and_its_words(tab):
    tab.click("#list .drive")
    tab.wait("document.querySelector('.pane .bird')")
    tab.evaluate(CHOOSE_SECOND)
    tab.waiting_for(lambda: len(tab.evaluate(PANES)), 2)
    assert sorted(tab.evaluate(PANES)) == ["drive-fast", "drive-slow"]
    assert tab.evaluate("document.querySelector('.pane .words pre').textContent") == HOSTILE[0]
    before = tab.evaluate(CAR)
    tab.click("#play")
    tab.waiting_for(lambda: tab.evaluate(CAR) != before, True)
    tab.click("#play")
    tab.waiting_for(lambda: "time=" in tab.evaluate("location.hash"), True)
    assert "beside=" in tab.evaluate("location.hash")


def test_a_link_opens_the_same_moment(tab, page):
    name = tab.evaluate("JSON.parse(document.getElementById('data').textContent).episodes[0].name")
    tab.open("about:blank")
    tab.open(
        f"{page.page.as_uri()}#episode={name}&run=drive-fast&beside=drive-slow&time=1.5&only-scenario=light", READY
    )
    tab.waiting_for(lambda: tab.evaluate(PANES), ["drive-fast", "drive-slow"])
    assert tab.evaluate("document.querySelector('.player .note').textContent").startswith("1.5 of ")
    assert tab.evaluate("document.querySelectorAll('.pane .street').length") == 1
    assert tab.evaluate("document.querySelector('.pane .stack img').naturalWidth > 0")
    tab.open("about:blank")
    tab.open(f"{page.page.as_uri()}#episode=none&run=nobody&time=x&sort=y&order=constructor", READY)
    assert "not in this report" in tab.evaluate("document.getElementById('panes').innerText")


def test_keys_walk_through_episodes_and_a_phone_does_not_scroll_sideways(tab):
    tab.evaluate("document.getElementById('list').focus()")
    tab.press("ArrowDown")
    tab.wait("document.querySelector('.drive[aria-selected=true]')")
    first = tab.evaluate("document.querySelector('.drive[aria-selected=true]').id")
    tab.press("ArrowDown")
    tab.waiting_for(
        lambda: tab.evaluate("document.querySelector('.drive[aria-selected=true]')?.id") not in {first, None}, True
    )
    tab.wait("document.querySelector('.pane')")
    tab.resize(390, 844)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
