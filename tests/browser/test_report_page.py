"""The report in a real browser: what people click, what model texts must not do, and that nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import msgspec
import pytest

from lightemma.data.published import PublishedArchive, PublishedSource, frame_record
from lightemma.data.sources import open_source
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables.base import explanations
from lightemma.evaluation.tables.paired import PairedRow
from lightemma.evaluation.tables.summary import SummaryRow
from lightemma.planners.baselines import ConstantAction, DampedAcceleration
from lightemma.report.page import files, write_report
from tests.conftest import make_frame, make_manifest, make_record, write_run
from tests.evaluation.reasoning.word_runs import Word, word_run
from tests.report.page_runs import HOSTILE, Made, make_runs, model_records
from tests.shared_data import PUBLISHED, SHARED, needs_shared

REAL = SHARED / "real-scenes"
READY = "document.documentElement.dataset.ready === 'yes'"
CELLS = (
    "[...document.querySelectorAll('#summary tbody:not(.apart) tr')]"
    ".map((row) => row.querySelector('[data-column=\"{}\"]').innerText)"
)
RUN_NAMES = "[...document.querySelectorAll('#summary tbody tr[data-run]')].map((row) => row.dataset.run)"
COUNT = "Number(document.getElementById('count').textContent.split(' ')[0].replace(',', ''))"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"), scenes=6)


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    return made.write(tmp_path_factory.mktemp("page") / "report.html", title="Made up").page


@pytest.fixture
def tab(chromium, page):
    """The page as it opens, in a light window of common size; nothing may ever be loaded from elsewhere."""
    chromium.resize(1280)
    chromium.appearance("light")
    chromium.open(page, READY)
    yield chromium
    assert chromium.problems == []
    asked_only_for(chromium, page.parent)


def asked_only_for(browser, folder: Path) -> None:
    for address in browser.requests:
        parts = urlparse(address)
        assert parts.scheme in {"file", "data"}, address
        if parts.scheme == "file":
            assert Path(unquote(parts.path)).is_relative_to(folder), address


def column(browser, key):
    return browser.evaluate(CELLS.format(key))


def average(made: Made, convention: str) -> dict[str, str]:
    return {row.run: f"{row.l2_avg:.2f}" for row in made.comparison.conventions if row.convention == convention}


def shown(browser) -> dict[str, str]:
    names = browser.evaluate(
        "[...document.querySelectorAll('#summary tbody:not(.apart) tr')].map((row) => row.dataset.run)"
    )
    return dict(zip(names, column(browser, "l2_avg"), strict=True))


def enter(browser, name: str, value: str) -> None:
    """Sets a filter as typing or choosing does."""
    events = "box.dispatchEvent(new Event('input')); box.dispatchEvent(new Event('change'));"
    box = f"document.getElementById('filter-{name}')"
    browser.evaluate(f"(() => {{ const box = {box}; box.value = '{value}'; {events} }})()")


def test_a_link_shows_what_its_sender_saw(tab, page):
    tab.click('#conventions input[value="endpoint"]')
    tab.click('[data-sort="miss"]')
    tab.click('[data-sort="miss"]')
    enter(tab, "outcome", "scored")
    enter(tab, "order", "worst")
    tab.click('#legend [data-legend="slow"]')
    tab.click("#rows .row:nth-child(2)")
    tab.wait("document.querySelector('#detail h3')")
    tab.waiting_for(lambda: "sort=-miss" in tab.evaluate("location.hash"), True)
    tab.waiting_for(lambda: "frame=" in tab.evaluate("location.hash"), True)
    seen = (
        "[document.getElementById('count').textContent, document.querySelector('#detail h3').textContent, "
        "document.querySelector('#rows [aria-selected=true]').innerText, document.querySelector('#summary').innerText, "
        "document.getElementById('horizon-chart').innerHTML, document.querySelectorAll('#legend [aria-pressed=false]').length]"
    )
    before, link = tab.evaluate(seen), tab.evaluate("location.hash")
    tab.open("about:blank")
    tab.open(f"{page.as_uri()}{link}", READY)
    tab.wait("document.querySelector('#detail h3') && document.querySelector('#rows [aria-selected=true]')")
    assert tab.evaluate(seen) == before
    assert before[5] == 1


def test_an_address_that_names_what_is_not_there_opens_the_page_as_it_is(tab, page):
    tab.open("about:blank")
    odd = "#convention=no&sort=__proto__&order=constructor&only-run=x&only-words=y&hide=z&beside=q&strata=w&at=nowhere"
    odd += "&only-say=%5B(x"
    tab.open(f"{page.as_uri()}{odd}", READY)
    tab.waiting_for(lambda: tab.evaluate("document.getElementById('count').textContent.includes('searching')"), False)
    assert tab.evaluate("document.querySelector('#conventions input:checked').value") == "lightemma"
    assert tab.evaluate(COUNT) == 0, "no answer holds the words that are searched for"
    tab.click("#reset")
    assert tab.evaluate(COUNT) == 4 * 18


def test_words_are_searched_in_answers_and_in_prompts(tab):
    said = "[...document.querySelectorAll('#rows .snippet mark')].map((one) => one.textContent)"
    enter(tab, "say", "QUIET  road")
    tab.waiting_for(lambda: tab.evaluate(COUNT), 2 * 18)
    assert set(tab.evaluate(said)) == {"quiet road"}
    tab.click("#rows .row")
    tab.wait("document.querySelector('[data-stage=scene] pre mark')")
    assert tab.evaluate("document.querySelector('[data-stage=scene] pre mark').textContent") == "quiet road"
    enter(tab, "say", "window.pwned=1")
    tab.waiting_for(lambda: tab.evaluate(COUNT), 3)
    enter(tab, "say", "six pairs!")
    tab.waiting_for(lambda: tab.evaluate(COUNT), 0)
    enter(tab, "in", "prompts")
    tab.waiting_for(lambda: tab.evaluate(COUNT), 2 * 18)
    assert tab.evaluate("typeof window.pwned") == "undefined"


def test_numbers_open_the_frames_behind_them(tab):
    number = '#summary tr[data-run="odd"] [data-column="{}"] button'
    tab.click(number.format("format"))
    assert tab.evaluate(COUNT) == 3
    assert tab.evaluate("document.getElementById('filter-run').value") == "odd"
    tab.click(number.format("ok_frames"))
    assert tab.evaluate(COUNT) == 15
    tab.click(number.format("miss"))
    share = float(column(tab, "miss")[tab.evaluate(RUN_NAMES).index("odd")].split()[0])
    assert tab.evaluate(COUNT) == round(share / 100 * 15)
    assert tab.evaluate("document.querySelectorAll('#summary tr.reference button').length") == 0
    tab.click("#reset")
    tab.evaluate("document.querySelector('#failure-chart [data-kind]').focus()")
    tab.press("Enter")
    assert tab.evaluate(COUNT) == 3
    assert tab.evaluate("document.getElementById('filter-outcome').value").startswith("format:")


def test_two_models_words_are_next_to_each_other_with_what_differs_in_their_prompts(tab):
    tab.evaluate("location.hash = '#frame=scene-0003%2F1&run=keen'")
    tab.wait("document.querySelectorAll('[data-stage=action]').length === 2")
    sides = (
        "[...document.querySelectorAll('[data-stage=action]')]"
        ".map((one) => [one.dataset.run, one.getBoundingClientRect().top])"
    )
    (keen, top), (odd, other) = tab.evaluate(sides)
    assert (keen, odd) == ("keen", "odd")
    assert top == other
    assert tab.evaluate("document.getElementById('detail').innerText.includes('were asked in the same words')")
    tab.click('[data-beside="odd"]')
    assert tab.evaluate("document.querySelectorAll('[data-stage=action]').length") == 1
    tab.waiting_for(lambda: "beside=none" in tab.evaluate("location.hash"), True)
    tab.click('[data-beside="odd"]')
    assert tab.evaluate("document.querySelectorAll('[data-stage=action]').length") == 2


def test_what_differs_in_two_prompts_is_shown_word_by_word(chromium, tmp_path):
    frames = [make_frame(f"scene-{scene:04d}", 0) for scene in range(8)]
    folders = {}
    for name, asked in (
        ("one", "Look at the road. Keep left."),
        ("two", "Look at the wet road. Keep left, <b>always</b>."),
    ):
        records = [
            msgspec.structs.replace(
                record, calls=[msgspec.structs.replace(record.calls[0], prompt=asked), *record.calls[1:]]
            )
            for record in model_records(frames, 5.0)
        ]
        folders[name] = write_run(tmp_path / "results", make_manifest(name, frames), records)
    runs = [load_scores(folder) for folder in folders.values()]
    page = write_report(compare_runs(runs, folders=folders, resamples=100), tmp_path / "page.html").page
    chromium.open(page, READY)
    chromium.evaluate("location.hash = '#frame=scene-0003%2F0&run=one'")
    chromium.wait("document.querySelectorAll('[data-stage=scene]').length === 2")
    chromium.evaluate("document.querySelector('.columns + details').open = true")
    chromium.wait("document.querySelector('pre.difference')")
    without = (
        "[...document.querySelector('pre.difference').childNodes]"
        ".map((one) => (one.nodeName === '{}' ? '' : one.textContent)).join('')"
    )
    assert chromium.evaluate(without.format("INS")) == "Look at the road. Keep left."
    assert chromium.evaluate(without.format("DEL")) == "Look at the wet road. Keep left, <b>always</b>."
    assert chromium.evaluate("document.querySelector('pre.difference ins').textContent").strip() == "wet"
    assert chromium.evaluate("document.querySelectorAll('pre.difference b').length") == 0
    assert chromium.problems == []


def test_a_scene_plays_to_its_end_and_a_picture_opens_large(tab):
    tab.evaluate("location.hash = '#frame=scene-0002%2F0&run=keen'")
    tab.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    tab.click("#play")
    tab.wait("document.getElementById('play').textContent === 'Pause'")
    tab.wait("document.getElementById('play').textContent === 'Play scene'")
    assert tab.evaluate("document.querySelector('#detail h3').textContent") == "scene-0002 #2"
    tab.waiting_for(lambda: "scene-0002%2F2" in tab.evaluate("location.hash"), True)
    small = tab.evaluate("document.querySelector('#detail .picture img').getBoundingClientRect().width")
    tab.click("#detail .picture .enlarge")
    tab.wait("document.querySelector('#large[open] img')?.naturalWidth > 0")
    assert tab.evaluate("document.querySelector('#large img').getBoundingClientRect().width") > 1.3 * small
    tab.press("ArrowLeft")
    tab.waiting_for(lambda: tab.evaluate("document.querySelector('#large b').textContent"), "scene-0002 #1")
    tab.press("Escape")
    assert tab.evaluate("document.getElementById('large').open") is False


def test_the_table_sorts_by_mouse_and_keyboard(tab):
    averages = [float(text) for text in column(tab, "l2_avg")]
    assert averages == sorted(averages)
    tab.click('[data-sort="miss"]')
    ascending = [float(text.split()[0]) for text in column(tab, "miss")]
    assert ascending == sorted(ascending)
    assert len(set(ascending)) > 1
    assert tab.evaluate("document.activeElement.dataset.sort") == "miss"
    tab.press("Enter")
    assert [float(text.split()[0]) for text in column(tab, "miss")] == sorted(ascending, reverse=True)
    assert tab.evaluate("document.querySelector('[data-sort=miss]').closest('th').ariaSort") == "descending"


def test_the_convention_switches_to_the_numbers_of_its_table(tab, made):
    seen = {}
    for convention in ("endpoint", "cumulative", "lightemma"):
        tab.click(f'#conventions input[value="{convention}"]')
        got = shown(tab)
        assert {run: got[run] for run in average(made, convention)} == average(made, convention)
        seen[convention] = tab.evaluate("document.getElementById('horizon-chart').innerHTML")
    assert len(set(seen.values())) == 3, "the chart changes with the convention"
    tab.click('#subsets input[value="common"]')
    got = shown(tab)
    assert got == {row.run: f"{row.l2_avg:.2f}" for row in made.comparison.common}


def test_filters_narrow_the_list_and_a_stratum_opens_its_frames(tab):
    everything = tab.evaluate(COUNT)
    assert everything == 4 * 18
    enter(tab, "outcome", "format")
    assert tab.evaluate(COUNT) == 3
    enter(tab, "outcome", "")
    enter(tab, "text", "scene-0002/1")
    tab.waiting_for(lambda: tab.evaluate(COUNT), 4)
    tab.click("#reset")
    assert tab.evaluate(COUNT) == everything
    enter(tab, "from", "1")
    tab.waiting_for(lambda: 0 < tab.evaluate(COUNT) < everything, True)
    tab.click("#heat td button")
    assert tab.evaluate("document.getElementById('filter-run').value") != ""
    assert 0 < tab.evaluate(COUNT) <= 18


def test_keys_walk_through_frames_and_the_address_names_them(tab, page):
    order = "[...document.querySelectorAll('#rows .row')].map((row) => row.innerText.replaceAll('\\n', ' '))"
    rows = tab.evaluate(order)
    assert len(rows) < 72, "only the rows in sight are drawn"
    tab.evaluate("document.getElementById('list').focus()")
    tab.wait("document.querySelector('.views')")
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        tab.press(key)
        chosen = tab.evaluate("document.querySelector('#rows [aria-selected=true]').innerText.replaceAll('\\n', ' ')")
        assert chosen == rows[place]
    heading = "document.querySelector('#detail h3').textContent"
    tab.waiting_for(lambda: rows[1].find(tab.evaluate(heading).split()[0]) >= 0, True)
    tab.waiting_for(lambda: tab.evaluate("location.hash").startswith("#frame=scene-"), True)
    link = tab.evaluate("location.hash")
    name = tab.evaluate(heading)
    tab.open(f"{page.as_uri()}{link}", READY)
    tab.wait("document.querySelector('#detail h3')")
    assert tab.evaluate(heading) == name


def test_tab_reaches_the_skip_link_and_the_sections_first(tab):
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.hash") == "#questions"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


FOCUSED = "document.activeElement.getAttribute('aria-label')"
TIP = "document.querySelector('#horizon-chart .tip:not([hidden])')?.textContent ?? null"


def test_points_of_charts_are_reached_by_keyboard_and_open_their_frames(tab, made):
    stops = "[...document.querySelectorAll('#{} svg')].map((one) => one.querySelectorAll('[tabindex=\"0\"]').length)"
    reached = [
        figure
        for figure in ("horizon-chart", "calibration-chart", "failure-chart")
        if tab.evaluate(stops.format(figure)) == [1]
    ]
    assert reached == ["horizon-chart", "calibration-chart", "failure-chart"], "one stop for Tab in each chart"
    assert tab.evaluate("document.querySelector('#horizon-chart svg').getAttribute('role')") == "group"
    points = "[...document.querySelectorAll('#horizon-chart [tabindex]')].map((one) => one.getAttribute('aria-label'))"
    said = tab.evaluate(points)
    assert len(said) > 6
    tab.evaluate("document.querySelector('#legend').lastElementChild.focus()")
    tab.press("Tab")
    assert [tab.evaluate(FOCUSED), tab.evaluate(TIP)] == [said[0], said[0]]
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("ArrowRight")
    tab.press("ArrowDown")
    assert [tab.evaluate(FOCUSED), tab.evaluate(TIP)] == [said[2], said[2]]
    tab.press("ArrowUp")
    assert tab.evaluate(FOCUSED) == said[1]
    tab.press("Enter")
    name = said[1].split(":")[0]
    others = (
        f"[...document.querySelectorAll('#rows [role=option]')].filter((one) => !one.textContent.includes('{name}'))"
    )
    tab.waiting_for(lambda: tab.evaluate(f"{others}.length"), 0)
    assert tab.evaluate("document.querySelectorAll('#rows [role=option]').length") > 0
    assert tab.evaluate(TIP) is None


def test_a_frame_shows_its_picture_with_paths_that_can_be_hidden(tab):
    tab.evaluate("location.hash = '#frame=scene-0003%2F1&run=keen'")
    tab.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    paths = "document.querySelectorAll('.paths path[data-run={}]').length"
    assert tab.evaluate(paths.format("keen")) == 1
    assert tab.evaluate(paths.format("recorded")) == 1
    assert tab.evaluate("document.querySelectorAll('.bird path[data-run=keen]').length") == 1
    tab.click('[data-path="keen"]')
    tab.waiting_for(lambda: tab.evaluate(paths.format("keen")), 0)
    assert tab.evaluate(paths.format("odd")) == 1


def test_what_a_model_says_stays_text(tab):
    for index, text in enumerate(HOSTILE):
        tab.evaluate(f"location.hash = '#frame=scene-0001%2F{index}&run=odd'")
        tab.wait(f"document.querySelector('#detail h3')?.textContent === 'scene-0001 #{index}'")
        said = tab.evaluate("document.querySelector('[data-stage=action] pre').textContent")
        assert said == text
    assert "onerror" in tab.evaluate("document.getElementById('examples').innerText")
    prompt = tab.evaluate("document.querySelector('[data-stage=intent] details pre').textContent")
    assert prompt.startswith("Ahead: A quiet road lies ahead of us. Speeds [5.0, ")
    assert tab.evaluate("[typeof window.pwned, document.querySelectorAll('#detail img').length]") == ["undefined", 1]


def test_every_table_opens(tab):
    tab.evaluate("document.querySelectorAll('#all-tables > details').forEach((one) => { one.open = true; })")
    tab.wait("[...document.querySelectorAll('#all-tables > details')].every((one) => one.querySelector('tbody tr'))")
    assert tab.evaluate("document.querySelector('[data-table=paired] thead').innerText").startswith("run")
    meaning = explanations(PairedRow)["p_holm"]
    assert tab.evaluate("document.querySelector('[data-table=paired] th:nth-child(9)').title") == meaning
    tab.evaluate("document.querySelector('[data-table=paired] .columns').open = true")
    assert meaning in tab.evaluate("document.querySelector('[data-table=paired] .columns').innerText")
    shown = "document.querySelector('#summary [data-sort=ok_frames]').title"
    assert tab.evaluate(shown).startswith(explanations(SummaryRow)["ok_frames"])


def test_a_narrow_window_does_not_scroll_sideways_and_dark_is_dark(tab):
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    light = tab.evaluate(colours)
    tab.resize(390, 844)
    tab.click("#rows .row")
    tab.wait("document.querySelector('.views')")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.appearance("dark")
    dark = tab.evaluate(colours)
    assert not set(light) & set(dark)
    tab.click("#theme")
    assert tab.evaluate(colours) == light, "the page's own choice counts before the system's"
    tab.appearance("dark", media="print")
    assert tab.evaluate(colours) == light
    assert tab.evaluate("getComputedStyle(document.getElementById('filters')).display") == "none"


def test_scenes_next_to_the_page_are_loaded_when_needed_and_reported_when_missing(
    chromium, made, tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "SINGLE_FILE", 0)
    written = made.write(tmp_path / "large #1.html")
    chromium.resize(1280)
    chromium.open(f"{written.page.as_uri()}#frame=scene-0002%2F0&run=odd", READY)
    chromium.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    assert [address for address in chromium.requests if address.endswith(".js")] == [
        (written.folder / "0002-scene-0002.js").as_uri()
    ]
    assert chromium.problems == []
    asked_only_for(chromium, tmp_path)
    (written.folder / "0003-scene-0003.js").unlink()
    chromium.evaluate("location.hash = '#frame=scene-0003%2F0&run=odd'")
    chromium.wait("document.querySelector('#detail .warning')")
    assert "0003-scene-0003.js” is missing" in chromium.evaluate("document.querySelector('#detail').innerText")


@needs_shared(PUBLISHED)
def test_published_answers_are_shown(chromium, tmp_path):
    folders = {}
    for path in sorted(PUBLISHED.glob("*.zip")):
        archive, source = PublishedArchive(path), PublishedSource(path)
        scenes = list(source.scene_names)[:3]
        records = [frame_record(scene, frame) for scene in scenes for frame in archive.scene(scene).frames]
        frames = [frame for scene in scenes for frame in source.scene_frames(scene)]
        folders[path.stem] = write_run(tmp_path / "results", make_manifest(path.stem, frames), records)
    runs = [load_scores(folder) for folder in folders.values()]
    out = tmp_path / "page" / "report.html"
    write_report(compare_runs(runs, resamples=200, folders=folders), out)
    chromium.resize(390, 844)
    chromium.open(out, READY)
    assert chromium.evaluate("document.querySelectorAll('#summary tbody:not(.apart) tr').length") == 10
    dollars = (
        "[...document.querySelectorAll('#summary tbody:not(.apart) tr')].map((row) => row.lastElementChild.textContent)"
    )
    assert {"–"} < set(chromium.evaluate(dollars)), "what has no price has no dollars"
    assert "0.00" not in chromium.evaluate(dollars)
    chromium.evaluate("document.querySelector('#rows .row').click()")
    chromium.wait("document.querySelectorAll('.stage pre').length >= 3")
    assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert chromium.problems == []
    asked_only_for(chromium, out.parent)


@needs_shared(REAL)
def test_real_pictures_show_the_paths(chromium, tmp_path):
    source = open_source(f"nuscenes:{REAL}@v1.0-real", tmp_path / "results")
    frames = {frame.sample_token: frame for scene in source.scene_names for frame in source.scene_frames(scene)}
    folders = {
        planner.name: write_run(
            tmp_path / "results",
            make_manifest(planner.name, list(frames.values()), planner=planner.name),
            [make_record(frame, planner.actions(frame.history.actions)) for frame in frames.values()],
        )
        for planner in (ConstantAction(), DampedAcceleration())
    }
    runs = [load_scores(folder) for folder in folders.values()]
    out = tmp_path / "page" / "report.html"
    context = SceneContext(frames=lambda _, token: frames.get(token))
    written = write_report(compare_runs(runs, resamples=200, context=context, folders=folders), out)
    assert written.pictures == len(frames)
    chromium.resize(1280)
    chromium.open(out, READY)
    chromium.evaluate("document.querySelector('#rows .row').click()")
    chromium.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    assert chromium.evaluate("document.querySelectorAll('.paths path[data-run]').length") >= 2
    assert chromium.problems == []
    asked_only_for(chromium, out.parent)


def test_an_answer_opens_its_frames_with_the_sentence_marked(chromium, tmp_path):
    words = [Word("faster", planned=-2.0, recorded=2.0), Word("same")]
    folder = word_run(tmp_path / "results", "talker", {f"s-{n}": words for n in range(8)})
    run = load_scores(folder)
    page = write_report(compare_runs([run], folders={run.name: folder}, resamples=100), tmp_path / "page.html").page
    chromium.open(page, READY)
    cells = chromium.evaluate("[...document.querySelectorAll('#answers tbody td')].map((cell) => cell.innerText)")
    assert cells[0] == "run lightemma probe talker"
    assert cells[2].startswith("50 %")
    chromium.click("#answers tbody td:nth-child(4) button")
    chromium.wait("document.querySelector('#detail blockquote mark') !== null")
    assert chromium.evaluate(COUNT) == 8
    assert chromium.evaluate("document.getElementById('filter-words').value") == "departed"
    assert (
        chromium.evaluate("document.querySelector('#detail blockquote mark').innerText") == "The ego should accelerate."
    )
    assert "The plan goes slower" in chromium.evaluate("document.querySelector('#detail .said p').innerText")
    assert chromium.evaluate("document.querySelector('[data-stage=intent] pre mark').innerText").endswith("accelerate.")
    assert chromium.problems == []
