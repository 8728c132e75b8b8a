"""Planted training data: roads whose bend only the picture shows, and tiny students to learn from them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from lightemma.distillation.data_manifest import MANIFEST, DataManifest, PartCount
from lightemma.distillation.form import StudentForm
from lightemma.distillation.rows import CORRECTIONS, DPO, SFT, DpoRow, PictureFile, SftRow, write_rows
from lightemma.files import digest_of
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.kinematics import driven_back, integrate
from tests.backends import tiny_models

PLAIN = StudentForm()


def frame(speed: float = 5.0, curvature: float = 0.0, scene: str = "road", token: str = "t0", **more) -> Frame:
    history = np.tile([speed, curvature], (6, 1))
    return Frame(
        scene, 0, token, 0, "", None, None, Pose(0.0, 0.0, 0.0), EgoHistory(driven_back(history), history), None, **more
    )


def road(folder: Path, bend: int, seed: int) -> PictureFile:
    """A picture: grey, with a white half at the side that the road bends to, and a little noise of its own."""
    pixels = np.full((28, 56, 3), 90, dtype=np.uint8)
    pixels[:, 28:] = 230 if bend < 0 else pixels[:, 28:]
    pixels[:, :28] = 230 if bend > 0 else pixels[:, :28]
    pixels[:3] = np.random.default_rng(seed).integers(0, 60, (3, 56, 3))
    path = folder / f"{seed:04d}.png"
    Image.fromarray(pixels).save(path)
    return PictureFile(str(path), digest_of(path))


def planted(
    folder: Path, form: StudentForm = PLAIN, train: int = 24, validation: int = 8, *, pairs: bool = True
) -> Path:
    """A data set of bends, as ``collect`` would have written it."""
    (folder / "pictures").mkdir(parents=True)
    sft, dpo = [], []
    rng = np.random.default_rng(0)
    for number in range(train + validation):
        bend, speed = (-1, 0, 1)[number % 3], float(rng.integers(3, 9))
        actions = np.tile([speed, 0.05 * bend], (6, 1))
        wrong = actions * [1.0, -1.0] if bend else actions + np.array([0.0, 0.05])
        shown = frame(speed, scene=f"road-{number}", token=f"t{number}")
        shared = {
            "part": "train" if number < train else "validation",
            "scene": shown.scene,
            "sample_token": shown.sample_token,
            "group": f"city {number}",
            "parts": form.question(shown),
            "pictures": [road(folder / "pictures", bend, number)],
            "history": [tuple(pair) for pair in shown.history.actions.tolist()],
            "truth": [tuple(point) for point in integrate(actions).tolist()],
        }
        words = f"The road bends {('right', 'on', 'left')[bend + 1]}. I keep my speed."
        sft.append(SftRow(**shared, completion=form.answer(actions, words), teacher="expert"))
        dpo.append(
            DpoRow(
                **shared,
                chosen=form.answer(actions, words),
                rejected=form.answer(wrong, words),
                reason="l2",
                margin=1.0,
                teachers=("expert", "blind"),
            )
        )
    files = {SFT: sft, DPO: dpo if pairs else [], CORRECTIONS: []}
    for name, rows in files.items():
        write_rows(folder / name, rows)
    manifest = DataManifest(
        form=form.model_dump(mode="json"),
        options={},
        sources=[],
        parts={"train": PartCount(train, train, train), "validation": PartCount(validation, validation, validation)},
        reasons={"l2": len(dpo)},
        ties=0,
        left_out={},
        rejected={},
        privileged=1.0,
        sha256={name: digest_of(folder / name) for name in files},
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return folder


def tiny_student(folder: Path, form: StudentForm = PLAIN, architecture: str = "llava", seed: int = 0) -> Path:
    """A tiny model of a real architecture, whose tokenizer knows the question, its weights as one begins to train."""
    import torch

    question = " ".join(part for part in form.question(frame()) if part)
    answers = " ".join(form.answer(np.tile([speed, 0.05], (6, 1)), "The road bends left.") for speed in range(9))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, parts = tiny_models._BUILDERS[architecture](architecture, (*[question] * 20, *[answers] * 5))
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder
