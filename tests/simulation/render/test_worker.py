"""The panda3d process: its messages, and what happens when it cannot start or dies."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from lightemma.simulation.render import RenderError, front_camera, make_renderer
from lightemma.simulation.render.automatic import AutomaticRenderer
from lightemma.simulation.render.panda import PandaRenderer
from lightemma.simulation.render.panda_messages import Draw, Load, encode, read_request
from tests.simulation.made_up_city import made_up_city, made_up_state

pytestmark = pytest.mark.pictures

SIZE = (160, 90)


@pytest.fixture
def panda():
    try:
        made = make_renderer("panda3d")
    except RenderError as error:
        pytest.skip(f"panda3d cannot start here: {error}")
    with made:
        yield made


def equal(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if is_dataclass(one):
        return type(one) is type(other) and all(
            equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def test_messages_arrive_as_they_were_sent():
    city, state, camera = made_up_city(), made_up_state(), front_camera()
    stream = io.BytesIO(encode(Load(city)) + encode(Draw(state, camera)))
    assert equal(read_request(stream).city, city)
    draw = read_request(stream)
    assert equal(draw.state, state)
    assert equal(draw.camera, camera)
    assert read_request(stream) is None


def test_an_incomplete_message_counts_as_the_end():
    assert read_request(io.BytesIO(encode(Load(made_up_city()))[:-5])) is None


def test_a_worker_that_cannot_start_is_named_as_the_reason():
    automatic = AutomaticRenderer(lambda: PandaRenderer("lightemma.simulation.render.no_such_worker"))
    with automatic:
        assert automatic.name == "painter"
        assert "no_such_worker" in automatic.note
        assert automatic.note.endswith(".")
        automatic.load(made_up_city())
        assert automatic.draw(made_up_state(), front_camera(SIZE), SIZE, 1).shape == (90, 160, 3)


def test_missing_graphics_are_named_as_the_reason(panda, monkeypatch, tmp_path):
    (tmp_path / "panda3d").mkdir()
    (tmp_path / "panda3d" / "__init__.py").write_text("raise ImportError('no panda here')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(RenderError, match="no panda here"):
        make_renderer("panda3d")
    with make_renderer("auto") as automatic:
        assert automatic.name == "painter"
        assert "no panda here" in automatic.note


def test_a_killed_worker_is_an_error_not_a_wait(panda):
    panda.load(made_up_city(bare=True))
    panda.draw(made_up_state(), front_camera(SIZE), SIZE, 1)
    os.kill(panda.worker, signal.SIGKILL)
    with pytest.raises(RenderError, match="panda3d cannot draw"):
        panda.draw(made_up_state(), front_camera(SIZE), SIZE, 1)
    assert panda.worker is None
    with pytest.raises(RenderError, match="ended"):
        panda.draw(made_up_state(), front_camera(SIZE), SIZE, 1)


def test_the_automatic_renderer_continues_with_the_painter(panda):
    automatic = AutomaticRenderer(lambda: panda)
    automatic.load(made_up_city(bare=True))
    assert (automatic.name, automatic.note) == ("panda3d", None)
    os.kill(panda.worker, signal.SIGKILL)
    image = automatic.draw(made_up_state(), front_camera(SIZE), SIZE, 1)
    assert image.std() > 5
    assert automatic.name == "painter"
    assert "from now on" in automatic.note


def test_a_picture_that_cannot_be_drawn_names_the_graphics(panda):
    assert {"vendor", "renderer", "version"} <= set(panda.details)
    assert panda.details["renderer"]


def test_the_worker_ends_with_its_parent(panda):
    code = (
        "import os, signal; from lightemma.simulation.render import make_renderer;"
        "r = make_renderer('panda3d'); print(r.worker, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    worker = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            break
        # One that has ended but was not waited for still has its number.
        if Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("the worker outlived its parent by ten seconds")
