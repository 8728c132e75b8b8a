"""Drives in the city, in many processes, and keeps what was seen with the expert's label: what the tiny driver learns from.

A process drives episode after episode until it is told to stop. Who steers is drawn for each: the expert, the expert with
noise, or the tiny driver of the moment in turns with the expert, as DAgger collects (Ross, Gordon and Bagnell, 2011). Drives
are arrays in two files each, written whole, so that training goes on meanwhile.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tiny_driver.frames import AHEAD, COMMANDS, SIZE, facts_of, nans, sky_of
from tiny_driver.motion import UNKNOWN, past_numbers

from lightemma.backends.tiny.engine import session_of
from lightemma.backends.tiny.pixels import shrunk
from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.episode import DecisionPoint, Episode
from lightemma.closed_loop.noisy_expert import NoisyExpertDriver, _off_plan, draw_manoeuvre
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city_camera import JPEG_QUALITY
from lightemma.closed_loop.worlds.city_disturbance import disturbed
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.frame import FloatArray
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.dataset.split import RESERVED, TEST_DIGIT, VALIDATION_DIGIT
from lightemma.simulation.ego import Limits
from lightemma.simulation.render import encode_jpeg, front_camera, make_renderer
from lightemma.simulation.scenarios import SCENARIOS, make_world

#: Seeds below are those of the public suite.
FIRST_SEED = 100
#: Pictures are drawn at one of these sizes and then shrunk: they will be shown in many.
DRAWN = ((320, 180), (512, 288), (800, 450))
CONDITIONS = ("day", "dusk", "rain", "fog", "dusk-rain", "dusk-fog")
WEIGHTS = (0.46, 0.14, 0.17, 0.13, 0.05, 0.05)
#: Scenarios that are driven more often: where others stand or brake ahead, and bends.
OFTEN = {"stopped-queue": 3, "queue-moves-off": 2, "lead-car-braking": 3, "lead-car-steady": 2, "cut-in": 2, "bend": 3,
         "turned-then-straight": 2, "red-light": 2, "light-turns-green": 2, "green-but-blocked": 3, "parked-car-to-pass": 2,
         "roadworks-narrowing": 2, "pedestrian-crossing": 2, "left-turn": 2, "right-turn": 2}  # fmt: skip
#: Half seconds after which a drive is long enough.
LONGEST = 70
STOP, DRIVER, GRAPH = "stop", "driver.json", "teacher.onnx"


@dataclass(frozen=True)
class Way:
    """How a drive is made.

    Attributes:
        scenario, seed, conditions, disturb: of the episode.
        who: ``expert``, ``noisy`` or ``student``.
        beta: probability that the expert steers in place of the student.
        told: whether the student is told the command.
        bumps: whether the student is pushed off its plan now and then.
        size: that pictures are drawn at.
    """

    scenario: str
    seed: int
    conditions: str
    disturb: bool
    who: str
    beta: float
    told: bool
    bumps: bool
    size: tuple[int, int]


def drawn_way(random: np.random.Generator, students: bool, part: str = "train") -> Way:
    """Draws a drive of one part of the split; without a student, the expert drives."""
    names = list(SCENARIOS)
    often = np.array([OFTEN.get(name, 1) for name in names], float)
    while True:
        seed = int(random.integers(FIRST_SEED, RESERVED))
        held_out = seed % 10 in (VALIDATION_DIGIT, TEST_DIGIT)
        if (seed % 10 == VALIDATION_DIGIT) if part == "validation" else not held_out:
            break
    who = str(random.choice(["expert", "noisy", "student"], p=[0.15, 0.12, 0.73] if students else [0.5, 0.5, 0.0]))
    who = "expert" if part == "validation" else who
    return Way(
        str(random.choice(names, p=often / often.sum())), seed, str(random.choice(CONDITIONS, p=WEIGHTS)),
        bool(random.random() < (0.0 if part == "validation" else 0.3)), who,
        float(random.choice([0.0, 0.3])), bool(random.random() < 0.85), bool(random.random() < 0.2),
        DRAWN[int(random.choice(len(DRAWN), p=(0.5, 0.38, 0.12)))],
    )  # fmt: skip


class Student:
    """The tiny driver's teacher as it is now: pictures and motion to a plan.

    Args:
        graph: without weights.
        weights: for it.
    """

    def __init__(self, graph: Path, weights: Path) -> None:
        with np.load(weights) as held:
            self._session = session_of(graph, {name: held[name] for name in held.files}, 1)

    def plan(
        self, now: np.ndarray, before: np.ndarray | None, history: np.ndarray, command: int, metres: float
    ) -> FloatArray:
        """(6, 2) pairs; pictures are (144, 256, 3) bytes."""
        first = now.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1.0
        change = np.zeros_like(first)
        if before is not None:
            change = first - (before.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1.0)
        base = np.repeat(history[-1:], AHEAD, 0) if len(history) else np.array([UNKNOWN] * AHEAD)
        given = {
            "pixels": np.concatenate([first, change])[None].astype(np.float32),
            "past": past_numbers(history.copy(), command, metres)[None],
            "base": base[None].astype(np.float32),
        }
        plan: FloatArray = self._session.run(None, given)[0][0].astype(float)
        return np.column_stack([plan[:, 0].clip(0.0, 25.0), plan[:, 1].clip(-0.2, 0.2)])


class Drawer:
    """Draws what the front camera sees, at the network's size."""

    def __init__(self) -> None:
        self._renderer = make_renderer("painter")

    def load(self, world: CityWorld) -> None:
        """Begins with another city."""
        self._renderer.load(world.simulation.city)

    def draw(self, world: CityWorld, size: tuple[int, int], seed: int) -> np.ndarray:
        """(144, 256, 3) bytes."""
        drawn = self._renderer.draw(world.simulation.state(), front_camera(size), size, seed)
        with Image.open(io.BytesIO(encode_jpeg(drawn, JPEG_QUALITY))) as image:
            return shrunk(image, SIZE)


def drive(  # noqa: PLR0915 -- one moment after the other
    way: Way, drawer: Drawer, student: Student | None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Drives one episode.

    Returns:
        The arrays of ``frames.FIELDS`` and ``pictures``, and what is told of the drive: how it was made, its end and score.
    """
    spec = EpisodeSpec(way.scenario, way.seed, way.conditions)
    rules = LoopRules(size=way.size, draw=True, renderer="painter", facts=True, disturb=way.disturb)
    simulation = make_world(way.scenario, way.seed, conditions_named(way.conditions), limits=Limits())
    if way.disturb:
        simulation = disturbed(simulation, spec)
    world = CityWorld(simulation, spec, rules, None)
    drawer.load(world)
    episode = Episode(spec, rules, world, Path())
    noisy = NoisyExpertDriver(0.7).begin(spec)
    random = np.random.default_rng([way.seed, len(way.scenario), int(way.beta * 10)])
    sky, pictures, places, by_expert = sky_of(way.conditions), [], [], []
    rows: dict[str, list[Any]] = {
        name: [] for name in ("now", "poses", "plan", "command", "metres", "numbers", "kinds")
    }
    bump, left = None, 0
    point: DecisionPoint = episode.look()
    while point.finished is None and len(pictures) < LONGEST:
        frame, label = point.frame, point.label
        assert frame is not None
        assert label is not None
        assert point.facts is not None
        pictures.append(drawer.draw(world, way.size, way.seed + len(pictures)))
        pose = frame.pose
        places.append((pose.x, pose.y, pose.heading))
        command = COMMANDS.index(frame.command) if frame.command in COMMANDS else 0
        metres = np.nan if frame.command_m is None or command <= 1 else float(frame.command_m)
        steers = way.who == "expert" or (way.who == "student" and label.valid and random.random() < way.beta)
        if label.valid:
            numbers, kinds = facts_of(point.facts, sky)
            for name, value in zip(rows, (len(pictures) - 1, frame.history.positions, label.actions, command, metres,
                                          numbers, kinds), strict=True):  # fmt: skip
                rows[name].append(value)
        by_expert.append(steers)
        if steers:
            actions = world.expert_plan()
        elif way.who == "noisy" or student is None:
            actions = noisy(world)
        else:
            before = pictures[-2] if len(pictures) > 1 else None
            told = (command, metres) if way.told else (0, np.nan)
            actions = student.plan(pictures[-1], before, frame.history.actions, *told)
            if way.bumps:
                if not left:
                    bump = draw_manoeuvre(random, 0.6)
                    left = bump.decisions + 2
                left -= 1
                actions = _off_plan(actions, bump, world.car.speed) if left > 1 and bump is not None else actions
        point = episode.advance(actions)
    outcome = world.outcome()
    arrays = {name: np.array(values) for name, values in rows.items()}
    now = arrays["now"].astype(int)
    arrays["paired"] = now > 0
    arrays["future"] = futures(np.array(places), now, np.array(by_expert))
    about = {
        "scenario": way.scenario, "seed": way.seed, "who": way.who, "beta": way.beta, "bumps": way.bumps,
        "disturb": way.disturb, "conditions": way.conditions, "end": outcome.end, "score": score_of(outcome).score,
        "red": outcome.red_lights, "off_road": outcome.off_road, "crashes": len(outcome.crashes_at_fault),
    }  # fmt: skip
    return {"pictures": np.array(pictures, np.uint8), **arrays}, about


def futures(places: np.ndarray, now: np.ndarray, by_expert: np.ndarray) -> np.ndarray:
    """(n, 6, 2) metres, ego frame: where the car then was, as far as the expert alone steered."""
    out = nans(len(now), AHEAD, 2)
    for row, place in enumerate(now):
        if place + AHEAD < len(places) and by_expert[place : place + AHEAD].all():
            x, y, heading = places[place]
            c, s = np.cos(heading), np.sin(heading)
            out[row] = (places[place + 1 : place + 1 + AHEAD, :2] - (x, y)) @ np.array([[c, -s], [s, c]])
    return out


def keep(folder: Path, name: str, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Writes a drive; it is there when its ``.json`` is."""
    small = {
        key: value.astype(np.float32) if value.dtype == float else value
        for key, value in arrays.items()
        if key != "pictures"
    }
    np.save(folder / f"{name}.npy", arrays["pictures"])
    np.savez(folder / f"{name}.npz", **small)
    draft = folder / f"{name}.part"
    draft.write_text(json.dumps(about))
    draft.rename(folder / f"{name}.json")


def work(folder: Path, number: int, seed: int, validation: int) -> None:
    """Drives until ``stop`` lies in the folder.

    Args:
        folder: for drives, with the student of the moment in ``driver.json``.
        number: of this process.
        seed: of all.
        validation: drives of the validation part, each after three others.
    """
    os.nice(5)  # whoever learns comes first
    random, drawer = np.random.default_rng([seed, number]), Drawer()
    student, known, count = None, "", 0
    while not (folder / STOP).exists():
        try:
            named = json.loads((folder / DRIVER).read_text())["weights"]
            if named != known:
                student, known = Student(folder / GRAPH, folder / named), named
        except FileNotFoundError:
            pass
        part = "validation" if count % 4 == 3 and count < 4 * validation else "train"
        way = drawn_way(random, student is not None, part)
        try:
            arrays, about = drive(way, drawer, student)
        except Exception as error:
            print(f"{way}: {type(error).__name__}: {error}", flush=True)
            continue
        if len(arrays["now"]):
            keep(folder, f"{part}-{number:02d}-{count:05d}", arrays, {**about, "driver": known, "part": part})
        count += 1


def start(folder: Path, processes: int, seed: int = 0, validation: int = 48) -> list[Any]:
    """Starts the processes that drive."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STOP).unlink(missing_ok=True)
    spawn = multiprocessing.get_context("spawn")
    each = -(-validation // processes)
    began = time.time_ns() % 1_000_000  # drives of an earlier, interrupted call are kept: others come now
    made = [spawn.Process(target=work, args=(folder, one, seed + began, each), daemon=True) for one in range(processes)]
    for one in made:
        one.start()
    return made


def stop(folder: Path, processes: Sequence[Any]) -> None:
    """Ends them."""
    (folder / STOP).touch()
    for one in processes:
        one.join(20)
        if one.is_alive():
            one.terminate()
