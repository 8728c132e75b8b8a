"""What the HTML report is made from: escaped data, prompts kept once, chosen frames, files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import astuple, replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.metrics.displacement import CONVENTIONS
from lightemma.evaluation.scores import baseline_scores
from lightemma.report.page import files, search, write_report
from lightemma.report.page.chosen import chosen_frames
from lightemma.report.page.escape import page_json
from lightemma.report.page.prompts import PromptTemplates
from lightemma.report.page.summary import told_of
from lightemma.report.page.views import horizon_curves, view_rows
from lightemma.report.thumbnails import make_thumbnail
from lightemma.run_folder.inputs import RECORDED_FUTURE, ROUTE, InputsEntry
from tests.report.page_runs import HOSTILE, make_runs, picture

examples = settings(max_examples=100, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"))


def page_data(page):
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def scene_data(path):
    text = path.read_text(encoding="utf-8")
    report, number, data = re.fullmatch(r'lightemmaScene\("(\w+)",(\d+),(.*)\);\n', text, re.DOTALL).groups()
    return report, int(number), json.loads(data)


def rebuilt(template, fillings):
    return "".join(fillings[piece] if isinstance(piece, int) else piece for piece in template)


@examples
@given(st.recursive(st.text() | st.integers(-9, 9), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_cannot_end_its_script_and_stays_the_same(value):
    text = page_json(value).decode()
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


@examples
@given(
    st.lists(st.text("ab\x001[], .", max_size=40) | st.none(), max_size=4),
    st.lists(st.text("ab\x00 ", max_size=12) | st.integers(0, 3), max_size=8),
)
def test_templates_and_fillings_give_the_prompt_back(fillings, pieces):
    prompt = "".join((fillings[p] or "") if isinstance(p, int) and p < len(fillings) else str(p) for p in pieces)
    templates = PromptTemplates()
    kept = templates.add(prompt, fillings)
    text = rebuilt(templates.templates[kept], fillings) if isinstance(kept, int) else kept
    assert text == prompt


def test_prompts_of_one_wording_are_kept_once():
    templates = PromptTemplates()
    answers = [f"On the road number {n} nothing moves." for n in range(50)]
    numbers = {templates.add(f"Ahead: {said} What now?", ["[5.0, 5.0, 5.0]", said]) for said in answers}
    assert numbers == {0}
    assert templates.templates == [["Ahead: ", 1, " What now?"]]


def test_prompts_without_end_are_left_out_and_counted():
    templates = PromptTemplates()
    kept = [templates.add(f"{n} " + "x" * 9_999, []) for n in range(300)]
    assert kept[0] == 0
    assert any(isinstance(one, str) for one in kept)
    assert kept[-1] is None
    assert templates.left_out == sum(one is None for one in kept)


def test_chosen_frames_have_the_worst_the_best_and_every_kind_of_failure(made):
    baseline = baseline_scores(made.runs[0])
    runs = [*made.runs, baseline]
    total = len(baseline.tokens)
    found = chosen_frames(runs, baseline, 9)
    assert len(found) == len(set(found)) == 9
    assert found == sorted(found)
    keen, odd = made.runs[0], made.runs[1]
    assert int(np.argmax(keen.errors.mean(axis=1))) in found
    assert any(odd.outcomes[frame] == "format:prose" for frame in found)
    assert chosen_frames(runs, baseline, total + 5) == list(range(total))
    assert chosen_frames(runs, baseline, 0) == []


def test_switched_numbers_are_those_of_the_tables(made):
    comparison = compare_runs(made.runs)
    views = view_rows(comparison)
    for convention in CONVENTIONS:
        alone = compare_runs(made.runs, convention)
        for subset, table in (("own", alone.summary), ("common", alone.common)):
            wanted = [
                (row.run, row.l2_1s, row.l2_2s, row.l2_3s, row.l2_avg, row.diff_vs_baseline, row.ci_low, row.ci_high)
                for row in table
            ]
            got = [astuple(row)[:-1] for row in views[convention][subset]]
            assert [row[0] for row in got] == [row[0] for row in wanted]
            assert [row.significant for row in views[convention][subset]] == [row.significant for row in table]
            np.testing.assert_allclose([row[1:] for row in got], [row[1:] for row in wanted])
    curves = horizon_curves(comparison.study)
    for row in comparison.horizons:
        second, mean, low, high = curves["endpoint"]["own"][row.run][round(2 * row.horizon_s) - 1]
        np.testing.assert_allclose([second, mean, low, high], [row.horizon_s, row.error, row.ci_low, row.ci_high])
    for name in CONVENTIONS:
        assert [point[0] for point in curves[name]["own"]["keen"]] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    for row in views["lightemma"]["own"]:
        steps = [point[1] for point in curves["lightemma"]["own"][row.run]]
        pairs = [(first + second) / 2 for first, second in zip(steps[::2], steps[1::2], strict=True)]
        np.testing.assert_allclose([row.l2_1s, row.l2_2s, row.l2_3s], pairs)
    for row in views["cumulative"]["own"]:
        at_whole = [point[1] for point in curves["cumulative"]["own"][row.run][1::2]]
        np.testing.assert_allclose(at_whole, [row.l2_1s, row.l2_2s, row.l2_3s])


def test_runs_that_were_told_the_truth_or_the_future_say_so(made):
    run = made.runs[0]

    def told(**inputs):
        manifest = msgspec.structs.replace(run.manifest, inputs=InputsEntry(**inputs))
        return told_of(replace(run, manifest=manifest))

    assert told() == told(experts="all") == told(experts="lying") == ""
    assert told(experts="oracle") == "oracle"
    assert told(command=RECORDED_FUTURE) == "told the future"
    assert told(command=ROUTE) == ""
    assert told_of(baseline_scores(run)) == ""


def test_a_small_report_is_one_file_with_every_word(made, tmp_path):
    written = made.write(tmp_path / "page.html", title="A <b>title</b> & more")
    assert list(tmp_path.iterdir()) == [written.page]
    assert written.page_bytes == written.page.stat().st_size
    assert written.folder is None
    assert written.pictures == 12
    text = written.page.read_text(encoding="utf-8")
    assert text.count("</script>") == text.count("<script") == 2
    assert "<title>A &lt;b&gt;title&lt;/b&gt; &amp; more</title>" in text
    data = page_data(written.page)
    said = [
        frame["texts"][str(run)][-1]["response"]
        for scene in data["scenes"]
        for frame in scene["frames"].values()
        for run in range(2)
    ]
    assert set(HOSTILE) <= set(said)
    first = data["scenes"][0]["frames"]["0"]
    stage = first["texts"]["0"][1]
    fillings = [*first["lists"], *(one["response"] for one in first["texts"]["0"])]
    assert rebuilt(data["templates"][stage["prompt"]], fillings).startswith(
        "Ahead: A quiet road lies ahead of us. Speeds ["
    )
    assert first["picture"]["src"].startswith("data:image/jpeg;base64,")
    assert set(first["picture"]["paths"]) == {"0", "2", "3"}, "the run without a plan has no path"
    assert {example["text"] for example in data["examples"]["1"]["format:prose"]} <= set(HOSTILE)


def test_the_policy_lets_nothing_in_but_the_page_itself(made, tmp_path):
    text = made.write(tmp_path / "page.html").page.read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy


def test_a_large_report_has_a_folder_and_forgets_the_one_before(made, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SINGLE_FILE", 0)
    out = tmp_path / "a page #1.html"
    folder = tmp_path / "a page #1_data"
    folder.mkdir()
    (folder / "0099-old.js").write_text('lightemmaScene("0",98,{});\n')
    (folder / "mine.js").write_text("var mine;\n")
    written = made.write(out)
    assert written.folder == folder
    names = page_data(out)["files"]
    parts = [part["file"] for part in page_data(out)["search"]["parts"]]
    assert {path.name for path in folder.iterdir()} == {*names, *parts, "mine.js"}
    for number, name in enumerate(names):
        report, place, data = scene_data(folder / name)
        assert (report, place) == (page_data(out)["report"], number)
        assert len(data["frames"]) == 3
        assert "<" not in (folder / name).read_text(encoding="utf-8")
    assert page_data(out)["scenes"] == []
    assert written.folder_bytes == sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.undo()
    made.write(out)
    assert [path.name for path in folder.iterdir()] == ["mine.js"]


def test_what_is_searched_has_every_answer_in_the_order_of_scenes(made, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SINGLE_FILE", 0)
    monkeypatch.setattr(search, "PART_CHARACTERS", 300)
    written = made.write(tmp_path / "page.html")
    data = page_data(written.page)
    order = sorted(range(12), key=lambda frame: made.runs[0].scenes[frame])
    found = {}
    for part in data["search"]["parts"]:
        text = (written.folder / part["file"]).read_text(encoding="utf-8")
        assert not set("<>&") & set(text)
        packed = re.fullmatch(r'lightemmaSearch\("\w+",\d+,"([^"]*)"\);\n', text).group(1)
        rows = gzip.decompress(base64.b64decode(packed)).decode().split("\0")
        for place, row in enumerate(rows):
            found[part["run"], order[part["first"] + place]] = row
    assert len(data["search"]["parts"]) > 2, "texts are cut into parts"
    assert len(found) == 2 * 12, "the formula said nothing"
    for frame, text in enumerate(HOSTILE):
        assert found[1, frame].split("\n", 2)[2] == text
    asked = np.frombuffer(base64.b64decode(data["search"]["asked"]["0"]), "<u2")
    used = {number for kind in asked for number in data["search"]["wordings"][kind]}
    assert any("What now?" in str(piece) for number in used for piece in data["templates"][number])


def test_a_separator_that_a_model_wrote_does_not_shift_the_texts():
    packed = []
    texts = search.SearchTexts(lambda number, part: packed.append(part) or str(number))
    for said in ("a\0b", "c"):
        texts.add(0, [{"response": said, "prompt": "whole"}, {"response": None, "prompt": None}])
    data = texts.finish()
    assert [gzip.decompress(part).decode() for part in packed] == ["a\ufffdb\0c", "whole\0whole"]
    assert [(part["kind"], part["first"]) for part in data["parts"]] == [("answers", 0), ("prompts", 0)]


def test_scene_names_do_not_choose_where_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SINGLE_FILE", 0)
    made = make_runs(tmp_path / "runs", scenes=2)
    odd = [
        type(run)(**{**vars(run), "scenes": [scene.replace("scene-", "../../etc/") for scene in run.scenes]})
        for run in made.runs
    ]
    out = tmp_path / "out" / "page.html"
    write_report(compare_runs(odd, resamples=100, folders=made.folders), out)
    assert sorted(path.name for path in out.parent.rglob("0*.js")) == ["0001-etc-0001.js", "0002-etc-0002.js"]
    assert all(path.parent == out.with_name("page_data") for path in out.parent.rglob("*.js"))


def test_pictures_are_as_many_as_wanted_and_a_broken_one_is_left_out(made, tmp_path, caplog):
    assert made.write(tmp_path / "none.html", max_thumbnails=0).pictures == 0
    assert made.write(tmp_path / "five.html", max_thumbnails=5).pictures == 5
    small = make_thumbnail(picture(tmp_path / "wide.jpg", (1600, 900)))
    assert small.size == (480, 270)
    assert make_thumbnail(picture(tmp_path / "tiny.jpg", (100, 80))).size == (100, 80)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    assert make_thumbnail(broken) is None
    assert "broken.jpg" in caplog.text


def test_a_place_that_cannot_be_written_is_reported(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        made.write(tmp_path / "file" / "page.html")
