"""The experts of a frame in a real browser: the graph of tasks, boxes over the picture, and what entered the prompts."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import load_scores
from lightemma.report.page import write_report
from lightemma.run_folder.tool_records import TaskRecord, ToolsRecord
from tests.browser.test_report_page import READY
from tests.conftest import make_frame, make_manifest, write_run
from tests.report.page_runs import CAMERA, HOSTILE, model_records, picture

PICTURE, EARLIER = {"picture": "<resource-picture>"}, {"picture": "<resource-earlier-picture>"}
BOXES = [("car", 0.9, 100.0, 450.0, 500.0, 700.0), (HOSTILE[0][:40], 0.5, 800.0, 400.0, 1599.5, 899.5)]
TASKS = [
    TaskRecord(
        1, "object-detection", "ok", [], PICTURE, "ssd-detector", "only", words="Detected: 1 x car.", boxes=BOXES
    ),
    TaskRecord(2, "object-detection", "ok", [], EARLIER, "ssd-detector", "only", words="1 x car.", boxes=BOXES[:1]),
    TaskRecord(3, "lead-speed", "timeout", [1, 2], {}, "lead-speed", "model", HOSTILE[1], why="no answer within 5 s"),
    TaskRecord(4, "deciding", "skipped", [3], why="task 3 took too long"),
    TaskRecord(5, "motion-words", "ok", [], {}, "motion-words", "only", words="Our car drives on. " * 25),
]
TOLD = f"What tools report about this moment (a tool can be wrong):\n- {HOSTILE[0]}\n- Our car drives on."


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two frames: five tasks with a false alarm, and a plan of none."""
    root = tmp_path_factory.mktemp("tools")
    shot = picture(root / "shot.jpg")
    frames = [
        replace(make_frame("scene-0001", index, image_path=shot), camera=CAMERA, sample_token=f"t{index}")
        for index in range(2)
    ]
    tools = [
        ToolsRecord("lying", "repaired", TASKS, 2, HOSTILE[2], len(TOLD), "A person stands there.", (1600, 900), TOLD),
        ToolsRecord("chosen", "valid", [], 1),
    ]
    records = [
        msgspec.structs.replace(record, tools=one)
        for record, one in zip(model_records(frames, 5.0), tools, strict=True)
    ]
    folder = write_run(root / "results", make_manifest("seer", frames), records)
    context = SceneContext(frames=lambda _, token: next((one for one in frames if one.sample_token == token), None))
    compared = compare_runs([load_scores(folder)], resamples=100, context=context, folders={"seer": folder})
    return write_report(compared, root / "page" / "report.html").page


@pytest.fixture
def tab(chromium, page):
    def opened(token, width=1280):
        chromium.resize(width)
        chromium.appearance("light")
        chromium.open("about:blank")
        chromium.open(f"{page.as_uri()}#frame={token}&run=seer", READY)
        chromium.wait("document.querySelector('#detail h3')")
        return chromium

    yield opened
    assert chromium.problems == []
    assert chromium.evaluate("typeof window.pwned") == "undefined"


def test_the_graph_has_a_node_for_every_task_to_the_right_of_what_it_waits_for(tab):
    one = tab("t0")
    edges = one.evaluate("[...document.querySelectorAll('.graph [data-edge]')].map((edge) => edge.dataset.edge)")
    assert sorted(edges) == ["1-3", "2-3", "3-4"]
    places = one.evaluate(
        "[...document.querySelectorAll('.graph [data-task]')].map((node) => { const at = node.getBoundingClientRect(); "
        "return [node.dataset.task, at.x, at.y]; })"
    )
    left = {number: x for number, x, _ in places}
    assert left["1"] == left["2"] == left["5"] < left["3"] < left["4"]
    assert len({(x, y) for _, x, y in places}) == 5, "no node lies on another"
    undone = one.evaluate("[...document.querySelectorAll('.graph .undone')].map((node) => node.dataset.task)")
    assert undone == ["3", "4"]
    names = one.evaluate("[...document.querySelectorAll('table.tasks tbody th')].map((cell) => cell.innerText)")
    assert names[:3] == ["1. object-detection", "2. object-detection, earlier picture", "3. lead-speed"]
    assert "3 lead-speed, timeout, after 1, 2" in one.evaluate("document.querySelector('.graph').ariaLabel")


def test_boxes_lie_where_they_were_found_and_those_of_the_earlier_picture_do_not(tab):
    one = tab("t0")
    one.wait("document.querySelector('.picture img')?.naturalWidth > 0")
    inside = one.evaluate(
        "(() => { const shown = document.querySelector('.picture img').getBoundingClientRect(); return "
        "[...document.querySelectorAll('rect.box:not(.halo)')].map((box) => { const at = box.getBoundingClientRect(); return "
        "[(at.left - shown.left) / shown.width, (at.bottom - shown.top) / shown.height]; }); })()"
    )
    assert len(inside) == 2, "the earlier picture's box is not drawn, and one box once"
    assert inside[0] == pytest.approx([100.5 / 1600, 700.5 / 900], abs=0.01)
    labels = one.evaluate("[...document.querySelectorAll('.box-label')].map((text) => text.textContent)")
    assert labels == ["car 0.90", f"{HOSTILE[0][:40]} 0.50"]


def test_what_entered_the_prompts_is_text_and_a_false_alarm_is_told(tab):
    one = tab("t0")
    assert one.evaluate("document.querySelector('.told').textContent") == TOLD
    said = one.evaluate("document.getElementById('detail').innerText")
    assert "Planted false alarm: A person stands there." in said
    assert f"complaint: {HOSTILE[2]}".split("\u2028")[0] in said
    assert HOSTILE[1] in said
    assert "no answer within 5 s" in said


def test_a_plan_of_no_task_is_said(tab):
    one = tab("t1")
    assert "No task was planned." in one.evaluate("document.getElementById('detail').innerText")
    assert one.evaluate("document.querySelectorAll('.graph, table.tasks').length") == 0


def test_on_a_narrow_window_what_was_found_is_in_sight(tab):
    one = tab("t0", 390)
    assert one.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = one.evaluate(
        "[...document.querySelectorAll('table.tasks .said-by-tool')].map((cell) => { const at = cell.getBoundingClientRect(); "
        "return [at.left, at.right]; })"
    )
    assert len(found) == 5
    assert all(0 <= left < right <= 390 for left, right in found)
