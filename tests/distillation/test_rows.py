"""From answers of teachers to rows: the ranking, the split, the critic, and what a student is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lightemma.distillation.cases import EXPERT, Candidate, Case
from lightemma.distillation.collect import collect
from lightemma.distillation.collect_options import CollectOptions
from lightemma.distillation.critic import objections
from lightemma.distillation.data_manifest import read_manifest_of, summary
from lightemma.distillation.form import StudentForm, plain_words, student_form
from lightemma.distillation.memory import remembered, with_memory
from lightemma.distillation.partition import Partition, check_apart
from lightemma.distillation.ranking import distance, preferences
from lightemma.distillation.row_making import Rows, add_rows
from lightemma.distillation.rows import CORRECTIONS, DPO, SFT, CorrectionRow, DpoRow, SftRow, read_file
from lightemma.errors import UserError
from lightemma.kinematics import integrate
from lightemma.label_rows import FACTS, FactsRow, encoded
from lightemma.observed_facts import ObservedFacts, PrivilegedFacts, SeenLeader, SeenLight, SeenThing
from lightemma.prompts.sets import load_prompts
from lightemma.run_folder.records import LabelRecord, WordsRecord
from lightemma.simulation.scenarios import SCENARIOS
from tests.conftest import steady
from tests.distillation.kit import frame, planted, road

TRUTH = integrate(steady(5.0))
RED = ObservedFacts(
    light=SeenLight(colour="red", box_2d=(0, 0, 1, 1), distance=14.0, visible_share=1.0),
    stop_line=8.0,
    leader=SeenLeader(number=1, gap=40.0, speed=0.0),
)


class TestRanking:
    def test_the_cost_is_the_average_l2_to_the_truth(self):
        # 1 m/s too fast: 0.5, 1, ... 3 m at the six points, 1.75 m in the mean.
        assert distance(Candidate("a", steady(6.0)), TRUTH) == pytest.approx(1.75)
        assert distance(Candidate("a", steady(5.0)), TRUTH) == 0.0
        assert distance(Candidate("a", None, text="no"), TRUTH) is None

    @pytest.mark.parametrize("number", [np.nan, np.inf, 1e308])
    def test_a_plan_that_is_no_number_has_no_cost(self, number):
        assert distance(Candidate("a", np.tile([number, 0.0], (6, 1))), TRUTH) is None

    def test_the_best_stands_against_the_others_the_widest_margin_first(self):
        found = preferences([0.5, 0.2, 1.4, 0.9], 0.1, 9)
        assert [(one.chosen, one.rejected, one.margin) for one in found.kept] == [(1, 2, 1.2), (1, 3, 0.7), (1, 0, 0.3)]
        assert {one.reason for one in found.kept} == {"l2"}

    def test_ties_are_dropped_and_counted(self):
        found = preferences([0.30, 0.35, 0.30, 2.0], 0.1, 9)
        assert [(one.chosen, one.rejected) for one in found.kept] == [(0, 3)]
        assert found.ties == 2

    @pytest.mark.parametrize("costs", [[0.2, 0.3], [0.3, 0.4], [0.7, 0.8]])
    def test_a_difference_of_just_the_margin_is_no_tie_however_it_is_rounded(self, costs):
        assert preferences(costs, 0.1, 9).ties == 0
        assert preferences([costs[0], costs[1] - 0.001], 0.1, 9).ties == 1

    def test_answers_that_are_written_the_same_are_a_tie_whatever_they_cost(self):
        found = preferences([0.2, 0.6, 0.9], 0.1, 9, written=["[a]", "[a]", "[b]"])
        assert [(one.chosen, one.rejected) for one in found.kept] == [(0, 2)]
        assert found.ties == 1

    def test_equals_are_a_tie_at_any_margin(self):
        assert preferences([1.0, 1.0], 0.0, 9).ties == 1

    def test_an_answer_without_a_plan_is_always_rejected_and_comes_last(self):
        found = preferences([None, 3.0, float("nan"), 1.0], 0.1, 9)
        assert [(one.chosen, one.rejected, one.reason, one.margin) for one in found.kept] == [
            (3, 1, "l2", 2.0), (3, 0, "unparsable", None), (3, 2, "unparsable", None),
        ]  # fmt: skip

    def test_without_any_plan_there_is_no_pair(self):
        assert preferences([None, None], 0.1, 9) == preferences([None, None], 0.0, 1)
        assert preferences([None, None], 0.1, 9).kept == []

    def test_what_the_critic_rejects_is_never_chosen(self):
        found = preferences([0.1, 0.6, 0.9], 0.05, 9, objections=["red-light", "", "leader"])
        # The first is nearer to the truth than the best that is left: nothing can be said about those two.
        assert [(one.chosen, one.rejected, one.reason) for one in found.kept] == [(1, 2, "contradicts:leader")]
        assert found.unpaired == 1

    def test_only_so_many_are_kept(self):
        assert [one.rejected for one in preferences([0.0, 1.0, 2.0, None], 0.1, 1).kept] == [2]


class TestTheSplit:
    @pytest.mark.parametrize(("seed", "part"), [(3, "train"), (118, "validation"), (29, "test"), (1001, "test")])
    def test_simulated_scenes_are_split_by_seed(self, seed, part):
        assert Partition().simulated("red-light", seed)[0] == part

    def test_scenarios_of_one_seed_share_their_group(self):
        split = Partition()
        assert split.simulated("red-light", 7)[1] == split.simulated("bend", 7)[1] != split.simulated("bend", 17)[1]

    def test_held_out_scenarios_and_public_seeds_are_for_the_test(self):
        split = Partition(frozenset({"bend"}), first_seed=100)
        assert [split.simulated(*one)[0] for one in (("bend", 101), ("cruise", 99), ("cruise", 101))] == [
            "test", "test", "train",
        ]  # fmt: skip
        assert split.simulated("straight-on", 101, family="bend")[0] == "test"

    @pytest.mark.parametrize("held", ["red-light", "green-light"])
    @pytest.mark.parametrize("family", ["", "red-light"])
    def test_twins_of_a_held_out_scenario_share_its_streets_and_are_for_the_test_too(self, held, family):
        split = Partition(frozenset({held}))
        parts = {split.simulated(name, 105, family) for name in ("red-light", "green-light")}
        assert parts == {("test", "city red-light 105")}
        assert split.simulated("bend", 105) == ("train", "city 105")

    @pytest.mark.parametrize("held", ["t-junction-left", "roundabout-free", "cut-in"])
    def test_of_every_family_all_or_none_are_held_out(self, held):
        split = Partition(frozenset({held}))
        families = {}
        for scenario in SCENARIOS.values():
            families.setdefault(scenario.family or scenario.name, set()).add(split.simulated(scenario.name, 105)[0])
        assert all(len(parts) == 1 for parts in families.values())
        assert sum(parts == {"test"} for parts in families.values()) == 1

    def test_recorded_scenes_are_split_by_their_name(self):
        split = Partition(frozenset({"boston-seaport"}))
        parts = [split.recorded(f"scene-{number:04d}")[0] for number in range(400)]
        assert [round(parts.count(part) / 400, 1) for part in ("train", "validation", "test")] == [0.8, 0.1, 0.1]
        assert split.recorded("scene-0001", "boston-seaport")[0] == "test"

    @pytest.mark.parametrize("shared", ["group", "picture", "town"])
    def test_a_leak_is_found(self, tmp_path, shared):
        rows = list(read_file(planted(tmp_path / "d", train=3, validation=3) / SFT, SftRow))
        towns = [("a", "train"), ("b", "validation")]
        check_apart(rows, towns)
        if shared == "group":
            rows[-1] = msgspec.structs.replace(rows[-1], group=rows[0].group)
        elif shared == "picture":
            rows[-1] = msgspec.structs.replace(rows[-1], pictures=rows[0].pictures)
        else:
            towns.append(("a", "validation"))
        with pytest.raises(UserError, match="in two parts"):
            check_apart(rows, towns)


class TestTheCritic:
    def test_driving_over_the_line_of_a_red_light(self):
        found = objections(Candidate("a", steady(5.0)), RED)
        assert [one.kind for one in found] == ["red-light"]
        assert "8 m" in found[0].sentence
        assert not objections(Candidate("a", steady(2.5)), RED), "7.5 m: it stops short of the line"

    @pytest.mark.parametrize("change", [{"light": None}, {"stop_line": None}, {"stop_line": -1.0}])
    def test_no_light_no_line_or_a_line_that_is_passed_is_no_contradiction(self, change):
        assert not objections(Candidate("a", steady(5.0)), msgspec.structs.replace(RED, **change))

    def test_a_green_or_amber_light_stops_nobody(self):
        for colour in ("green", "amber"):
            light = msgspec.structs.replace(RED.light, colour=colour)
            assert not objections(Candidate("a", steady(5.0)), msgspec.structs.replace(RED, light=light))

    def test_driving_into_what_is_ahead(self):
        facts = ObservedFacts(leader=SeenLeader(number=1, gap=6.0, speed=2.0))
        assert [one.kind for one in objections(Candidate("a", steady(5.0)), facts)] == ["leader"]
        assert not objections(Candidate("a", steady(3.9)), facts)

    @pytest.mark.parametrize(
        ("place", "speed", "struck"),
        [
            ((12.0, 0.0), 0.0, True),
            ((12.0, 0.5), 0.0, True),
            ((12.0, 3.2), 0.0, False),  # beside the way
            ((-6.0, 0.0), 0.0, False),  # behind
            ((12.0, 0.0), 6.0, False),  # it drives away faster
            ((30.0, 0.0), 0.0, False),  # farther than 3 s
        ],
    )
    def test_what_is_ahead_is_a_box_and_not_a_distance_alone(self, place, speed, struck):
        car = thing("car", place, speed)
        facts = ObservedFacts(things=(car,), leader=SeenLeader(number=1, gap=place[0] - 5.6, speed=speed))
        assert [one.kind for one in objections(Candidate("a", steady(5.0)), facts)] == ["leader"] * struck

    def test_a_plan_that_leads_past_what_is_ahead_is_right(self):
        car = thing("car", (16.0, -1.0), 0.0)
        facts = ObservedFacts(things=(car,), leader=SeenLeader(number=1, gap=10.4, speed=0.0))
        past = np.column_stack([np.full(6, 6.0), [0.06, 0.06, -0.06, -0.06, 0.0, 0.0]])
        assert not objections(Candidate("a", past), facts)
        assert objections(Candidate("a", past * [1.0, -1.0]), facts)

    @pytest.mark.parametrize(
        ("y", "speed", "struck"),
        [(0.0, 0.0, True), (-2.5, 1.0, True), (-9.0, 1.0, False), (3.5, 1.0, False), (3.5, 0.0, False)],
    )
    @pytest.mark.parametrize("kind", ["pedestrian", "cyclist"])
    def test_driving_into_a_person_where_it_will_be(self, kind, y, speed, struck):
        walker = thing(kind, (14.0, y), speed, heading=np.pi / 2, size=(0.6, 0.6))
        found = objections(Candidate("a", steady(5.0)), ObservedFacts(things=(walker,)))
        assert [one.kind for one in found] == ["person"] * struck

    @pytest.mark.parametrize(
        ("colour", "said", "kinds"),
        [
            (None, "The traffic light ahead is red.", {"says-red"}),
            (None, "The traffic light ahead is green.", {"says-green"}),
            (None, "I see no traffic light.", set()),
            ("amber", "The traffic light ahead is red.", set()),
            ("green", "The traffic light ahead is green.", set()),
        ],
    )
    def test_the_colour_of_a_light_that_is_not_seen(self, colour, said, kinds):
        light = None if colour is None else msgspec.structs.replace(RED.light, colour=colour)
        assert {one.kind for one in objections(Candidate("a", steady(0.0), said), ObservedFacts(light=light))} == kinds

    def test_of_the_expert_only_the_words_are_judged(self):
        expert = Candidate("expert", steady(5.0), "The traffic light ahead is green.", knows=True)
        assert [one.kind for one in objections(expert, RED)] == ["says-green"]

    def test_words_that_say_what_is_not_there(self):
        said = "The traffic light ahead is green. A pedestrian is crossing the road. There is a car ahead in my lane."
        found = objections(Candidate("a", steady(0.0), said), msgspec.structs.replace(RED, leader=None))
        assert {one.kind for one in found} == {"says-green", "says-person", "says-vehicle"}

    def test_nothing_is_held_against_anybody_where_nothing_is_known(self):
        assert objections(Candidate("a", steady(30.0), "The light is green."), None) == []


def thing(kind: str, place, speed: float, heading: float = 0.0, size=(4.0, 1.8)) -> SeenThing:
    box = (*place, 0.8, *size, 1.6, heading)
    return SeenThing(
        number=1, kind=kind, box_2d=(0, 0, 1, 1), box_3d=box, distance=abs(place[0]), speed=speed, visible_share=1.0
    )


class TestTheRowsOfAFrame:
    """One frame with planted answers."""

    @pytest.fixture
    def case(self, tmp_path):
        def made(*answers, facts=None):
            shown = replace(frame(), image_path=Path(road(tmp_path, 0, 1).path))
            own = [one for one in answers if one.knows]
            others = [one for one in answers if not one.knows]
            return Case(shown, "city 1", "train", TRUTH, own[0] if own else None, facts, candidates=others)

        return made

    def test_what_only_another_parser_refused_is_no_example_of_an_answer_without_a_plan(self, case):
        readable = "[(5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0)]"
        answers = [
            Candidate("a", steady(5.0)),
            Candidate("b", None, text=readable),
            Candidate("c", None, text="I wait."),
        ]
        rows = Rows()
        add_rows(case(*answers), CollectOptions(), rows, {})
        assert [(one.teachers, one.reason) for one in rows.dpo] == [(("a", "c"), "unparsable")]
        assert rows.left_out["an answer that was refused but reads as a plan"] == 1

    def test_two_plans_of_the_same_digits_are_no_pair(self, case):
        rows = Rows()
        add_rows(case(Candidate("a", steady(4.96)), Candidate("b", steady(5.04))), CollectOptions(margin=0.0), rows, {})
        assert rows.dpo == []
        assert rows.ties == 1

    @pytest.mark.parametrize(("reasoning", "teachers"), [(False, ["expert"]), (True, ["a"])])
    def test_words_of_an_expert_about_what_is_not_seen_are_not_learnt(self, case, reasoning, teachers):
        expert = Candidate("expert", steady(5.0), "The traffic light ahead is green. I keep my speed.", knows=True)
        other = Candidate("a", steady(5.5), "The road is straight. I keep my speed.")
        rows = Rows()
        options = CollectOptions(StudentForm(reasoning=reasoning))
        add_rows(case(expert, other, facts=ObservedFacts()), options, rows, {})
        assert [row.teacher for row in rows.sft] == teachers
        assert not reasoning or "light" not in rows.sft[0].completion

    def test_a_frame_whose_every_answer_contradicts_what_is_seen_is_counted_as_that(self, case):
        rows = Rows()
        add_rows(case(Candidate("a", steady(5.0)), facts=RED), CollectOptions(critic=True), rows, {})
        assert rows.sft == []
        assert rows.left_out["every plan or its words contradict what is seen"] == 1


class TestTheForm:
    def test_answers_are_read_back_as_they_were_written(self):
        actions = np.array([[5.04, 0.0012], [5.06, -0.0004], [0.0, -0.2], [12.34, 0.0], [3.0, 0.01], [3.0, 0.01]])
        for form in (StudentForm(), StudentForm(reasoning=True)):
            text = form.answer(actions, "A red light is 20 m ahead [see it]. I slow down.")
            read = form.read(text).actions
            assert read == pytest.approx(np.column_stack([actions[:, 0].round(1), actions[:, 1].round(3)]))
            assert "-0.0)" not in text
            assert "-0.000" not in text

    def test_words_become_one_short_paragraph(self):
        assert plain_words("One.\n\n**Two** [x].") == "One. Two (x)."
        assert len(plain_words("A sentence of words. " * 60)) <= 500
        assert plain_words("A sentence of words. " * 60).endswith(".")

    def test_a_question_has_a_place_for_each_picture_and_the_command(self):
        parts = StudentForm(command=True).question(frame(5.0, command="left"))
        assert parts[0] is None
        assert "5.0" in parts[1]
        assert "left" in parts[1]

    def test_a_wrong_form_is_one_sentence(self):
        with pytest.raises(UserError, match="history"):
            student_form(history=2)

    def test_it_is_asked_as_the_harness_asks(self):
        form = StudentForm(reasoning=False, command=True)
        assert form.options == ["--planner", "single-call", "--planner-option", "reasoning=false", "--command"]


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """A closed-loop run in the city, of the formula that keeps on as before, with labels, facts and pictures."""
    from lightemma.closed_loop.set_up import open_drives
    from lightemma.sessions.benchmark import Benchmark, WorldSettings

    results = tmp_path_factory.mktemp("results")
    world = WorldSettings(
        scenarios=["red-light"], seeds=[101, 108], size="64x36", renderer="painter", draw=True,
        record_facts=True, driver="mixture:0.5", blind_ceiling=False, replan=2,
    )  # fmt: skip
    benchmark = Benchmark(world=world, planners=["constant-action"])
    session, _ = open_drives(benchmark, results, workers=0)
    session.run()
    return results / session.jobs[0].name


class TestCollecting:
    def test_visited_states_become_rows(self, driven, tmp_path):
        manifest = collect([driven], tmp_path / "d", CollectOptions(every=3))
        rows = list(read_file(tmp_path / "d" / SFT, SftRow))
        assert {row.part for row in rows} == {"train", "validation"}
        assert {row.teacher for row in rows} == {"expert"}
        assert manifest.privileged == 1.0
        assert manifest.parts["train"].sft == sum(row.part == "train" for row in rows)
        pairs = list(read_file(tmp_path / "d" / DPO, DpoRow))
        assert {one.teachers for one in pairs} == {("expert", driven.name)}
        assert all(one.margin >= 0.1 for one in pairs)
        lines = "\n".join(summary(read_manifest_of(tmp_path / "d")))
        assert "pairs by reason: l2 100%" in lines

    def test_the_best_of_those_that_look_is_learnt_without_the_expert(self, driven, tmp_path):
        manifest = collect([driven], tmp_path / "d", CollectOptions(every=3, learn="best"))
        assert {row.teacher for row in read_file(tmp_path / "d" / SFT, SftRow)} == {driven.name}
        assert manifest.privileged == 0.0
        assert list(read_file(tmp_path / "d" / DPO, DpoRow)) == []

    def test_the_critic_rejects_and_remembers(self, driven, tmp_path):
        manifest = collect([driven], tmp_path / "d", CollectOptions(every=1, critic=True))
        remembered = list(read_file(tmp_path / "d" / CORRECTIONS, CorrectionRow))
        assert manifest.rejected == {"red-light": len(remembered)} != {"red-light": 0}
        assert all("red" in one.sentence for one in remembered)
        assert "contradicts:red-light" in manifest.reasons

    def test_answers_are_ranked_by_what_happens(self, driven, tmp_path):
        manifest = collect([driven], tmp_path / "d", CollectOptions(every=4, rank="rollout"))
        pairs = list(read_file(tmp_path / "d" / DPO, DpoRow))
        assert set(manifest.reasons) == {"rollout"}
        assert all(one.teachers == ("expert", driven.name) for one in pairs)
        # Somewhere the constant action drives through the red light, which no metres outweigh.
        assert max(one.margin for one in pairs) > 99.0

    def test_a_run_that_is_not_the_same_any_more_is_not_rolled_out(self, driven, tmp_path):
        import shutil

        changed = tmp_path / driven.name
        shutil.copytree(driven, changed)
        path = changed / "frames.jsonl"
        path.write_bytes(
            b"".join(line.replace(b'"history":[[', b'"history":[[9') + b"\n" for line in path.read_bytes().splitlines())
        )
        with pytest.raises(UserError, match="cannot be driven again"):
            collect([changed], tmp_path / "d", CollectOptions(every=4, rank="rollout"))

    def test_a_class_that_a_run_names_is_never_loaded(self, driven, tmp_path):
        import shutil

        changed = tmp_path / driven.name
        shutil.copytree(driven, changed)
        manifest = json.loads((changed / "manifest.json").read_bytes())
        manifest["data"]["name"] = "os:system:echo"
        (changed / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(UserError, match="not installed here"):
            collect([changed], tmp_path / "d", CollectOptions(every=4, rank="rollout"))

    def test_nothing_privileged_reaches_the_question(self, driven, tmp_path):
        """Labels, words, facts and truth are planted with signs that must be in no question."""
        import shutil

        sign = "XYZZY"
        marked = tmp_path / driven.name
        shutil.copytree(driven, marked)
        from lightemma.run_folder.records import FrameRecord

        decoder, lines = msgspec.json.Decoder(FrameRecord), []
        for line in (marked / "frames.jsonl").read_bytes().splitlines():
            record = decoder.decode(line)
            words = WordsRecord(f"{sign} scene.", f"{sign} intent.", f"{sign} reason.")
            label = LabelRecord([(77.7, 0.777)] * 6, True, sign, words)
            lines.append(
                msgspec.json.encode(msgspec.structs.replace(record, label=label, ground_truth=[(66.6, 6.66)] * 6))
            )
        (marked / "frames.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        facts = ObservedFacts(privileged=PrivilegedFacts(stop_line=55.5), stop_line=44.4)
        rows = [
            FactsRow(scene=one.scene, key_frame=0, sample_token=one.sample_token, facts=facts)
            for one in map(decoder.decode, lines)
        ]
        (marked / FACTS).write_bytes(encoded(rows))
        for reasoning in (False, True):
            out = tmp_path / f"d{reasoning}"
            collect([marked], out, CollectOptions(StudentForm(reasoning=reasoning), every=3))
            found = [*read_file(out / SFT, SftRow), *read_file(out / DPO, DpoRow)]
            asked = json.dumps([row.parts for row in found])
            for planted_sign in (sign, "77.7", "0.777", "66.6", "55.5", "44.4"):
                assert planted_sign not in asked
            told = json.dumps([row.completion for row in found if isinstance(row, SftRow)])
            assert "77.7" in told, "the teacher's plan is what is learnt"
            assert (sign in told) == reasoning

    def test_what_is_left_out_is_counted(self, driven, tmp_path):
        import shutil

        changed = tmp_path / driven.name
        shutil.copytree(driven, changed)
        next((changed / "pictures").rglob("*.jpg")).unlink()
        manifest = collect([changed], tmp_path / "d", CollectOptions())
        assert manifest.left_out == {"the picture is not on this machine": 1}

    def test_earlier_pictures_are_those_of_the_decisions_before(self, driven, tmp_path):
        collect([driven], tmp_path / "d", CollectOptions(StudentForm(pictures=3)))
        rows = [row for row in read_file(tmp_path / "d" / SFT, SftRow) if row.part == "train"]
        own = [row.pictures[-1] for row in rows]
        assert rows[0].parts.count(None) == len(rows[0].pictures) == 1, "the first decision has none before it"
        for place in range(2, 6):
            assert rows[place].pictures == own[place - 2 : place + 1]
            assert "Front camera 2.0 s ago" in rows[place].parts[0]

    def test_a_blind_twin_learns_from_grey_pictures(self, driven, tmp_path):
        from lightemma.distillation.student_data import opened

        collect([driven], tmp_path / "d", CollectOptions(every=4, blind=True))
        row = next(read_file(tmp_path / "d" / SFT, SftRow))
        assert np.abs(np.asarray(opened(row.pictures[0]), dtype=int) - 128).max() <= 1
        assert opened(row.pictures[0]).size == (64, 36)

    def test_no_rows_left_is_one_sentence(self, driven, tmp_path):
        import shutil

        changed = tmp_path / driven.name
        shutil.copytree(driven, changed)
        shutil.rmtree(changed / "pictures")
        with pytest.raises(UserError, match=r"no row is left.*the picture is not on this machine"):
            collect([changed], tmp_path / "d", CollectOptions())

    def test_a_run_without_ground_truth_is_one_sentence(self, driven, tmp_path):
        import shutil

        changed = tmp_path / driven.name
        shutil.copytree(driven, changed)
        path, lines = changed / "frames.jsonl", []
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            record.pop("label", None)
            record["ground_truth"] = None
            lines.append(json.dumps(record).encode())
        path.write_bytes(b"\n".join(lines) + b"\n")
        with pytest.raises(UserError, match="ground truth"):
            collect([changed], tmp_path / "d", CollectOptions())

    def test_what_is_neither_run_nor_drives_is_one_sentence(self, tmp_path):
        with pytest.raises(UserError, match="neither a run nor a data set"):
            collect([tmp_path], tmp_path / "d", CollectOptions())

    def test_all_samples_of_a_teacher_are_answers(self):
        from lightemma.distillation.sources import candidates_of
        from lightemma.run_folder.records import AnswerRecord, CallRecord, FrameRecord, SampleRecord

        call = CallRecord("action", "?", "first", "ok", more=[AnswerRecord("nonsense", "format:prose")])
        record = FrameRecord(
            scene="s", frame_index=0, sample_token="t", image="", timestamp=0, history=[(5.0, 0.0)] * 6, ground_truth=None,
            actions=[(5.0, 0.0)] * 6, trajectory=None, outcome="ok", answer=0,
            calls=[CallRecord("scene", "?", "A road.", "ok"), CallRecord("intent", "?", "Go on.", "ok"), call],
            samples=[
                SampleRecord(2, 0, "ok", [(5.0, 0.0)] * 6), SampleRecord(2, 1, "format:prose"),
                SampleRecord(2, 2, "call:timeout"),
            ],
        )  # fmt: skip
        found = list(candidates_of(record, "gpt"))
        assert [(one.actions is None, one.text, one.words) for one in found] == [
            (False, "", "A road. Go on."), (True, "nonsense", "A road. Go on."),
        ]  # fmt: skip


def test_numbers_of_others_runs_that_are_no_plan_have_none():
    from lightemma.distillation.sources import _candidate

    for actions in ([(float("nan"), 0.0)] * 6, [(1.0, 0.0)] * 5):
        assert _candidate("a", actions, None, "", "text").actions is None


class TestTheMemory:
    def rows(self, *kinds: str, part="train"):
        return [
            CorrectionRow(
                part=part, scene="s", sample_token="t", teacher="a", kind=kind, sentence=f"{kind} {n} {{{{x}}}}."
            )
            for n, kind in enumerate(kinds)
        ]

    def test_of_each_kind_the_first_and_the_commonest_kinds_first(self):
        found = remembered(self.rows("leader", "red-light", "red-light", "says-red"), 2)
        assert found == ["red-light 1 {{x}}.", "leader 0 {{x}}."]

    def test_nothing_of_the_test_part_is_told(self):
        assert remembered([*self.rows("leader", part="test"), *self.rows("leader", part="validation")], 5) == []
        experts = [msgspec.structs.replace(one, teacher=EXPERT) for one in self.rows("says-red")]
        assert remembered(experts, 5) == []

    def test_the_deciding_stages_are_told(self):
        plain = load_prompts("three-stage")
        told = with_memory(plain, remembered(self.rows("leader"), 5))
        assert told.templates["scene"] == plain.templates["scene"]
        for stage in ("intent", "action"):
            assert told.templates[stage].endswith(plain.templates[stage])
            assert "- leader 0 ((x))." in told.templates[stage]
        assert "leader 0" in told.single["single-call"]

    def test_nothing_to_remember_is_one_sentence(self):
        with pytest.raises(UserError, match="nothing to remember"):
            with_memory(load_prompts("three-stage"), [])


class TestTheCommandLine:
    def test_collect_says_what_it_wrote(self, driven, tmp_path, cli):
        ended = cli("distill", "collect", driven, "--out", tmp_path / "d", "--every", 3, "--critic")
        assert ended.status == 0
        assert "train: 1 scenes" in ended.out
        assert "pairs by reason" in ended.out

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--rank", "best"], "--rank is 'best'; give l2 or rollout"),
            (["--learn", "none"], "--learn"),
            (["--history", "2"], "--history"),
            (["--prompts", "three-stage-json"], "--prompts|asks for JSON"),
            ([], "neither a run nor a data set"),
        ],
    )
    def test_wrong_options_are_one_sentence(self, tmp_path, cli, arguments, says):
        ended = cli("distill", "collect", tmp_path, "--out", tmp_path / "d", *arguments)
        assert ended.status == 2
        assert len(ended.err.strip().splitlines()) == 1
        assert any(part in ended.err for part in says.split("|"))

    def test_training_from_nothing_is_one_sentence(self, tmp_path, cli):
        for recipe, says in (("qwen2.5-vl-3b", "no data set for training"), ("qwen2.5", "did you mean qwen2.5-vl-3b")):
            ended = cli("distill", "train", recipe, "--data", tmp_path, "--out", tmp_path / "s")
            assert ended.status == 2
            assert says in ended.err

    def test_a_memory_is_a_prompt_set(self, driven, tmp_path, cli):
        collect([driven], tmp_path / "d", CollectOptions(every=1, critic=True))
        ended = cli("distill", "memory", tmp_path / "d", "--out", tmp_path / "p")
        assert ended.status == 0
        assert "The light is red" in ended.out
        assert "The light is red" in load_prompts(str(tmp_path / "p")).templates["action"]
