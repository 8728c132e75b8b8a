"""The student's model and processor: loaded as the harness loads models, and saved so that it can be driven."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lightemma.backends.config import ModelConfig, model_name
from lightemma.backends.local.loading import check_packages, load_model
from lightemma.backends.local.options import LocalOptions
from lightemma.distillation.recipe import LoraSettings, Recipe, model_place
from lightemma.errors import UserError
from lightemma.files import new_draft, write_whole

#: The YAML by which ``--model`` names a student, beside its folder.
STUDENT = "student.yaml"


@dataclass(slots=True)
class Student:
    """A model in training.

    Attributes:
        model: of transformers.
        processor: its own.
    """

    model: Any
    processor: Any


def load_student(recipe: Recipe, place: str) -> Student:
    """A model to be trained, in the memory of the processor; code that comes with its weights is never run.

    Args:
        recipe: number format, device and size of pictures.
        place: folder or hub id.

    Raises:
        UserError: if it is missing, is not an image-text model, or does not fit into the memory.
    """
    where = model_place(place)
    config = ModelConfig(
        name=model_name(Path(where).name or "student"),
        provider="transformers",
        model=where,
        revision=recipe.revision if place == recipe.model else None,
    )
    check_packages(config)
    # Trainers place the model themselves, one copy on each GPU.
    options = LocalOptions(dtype=recipe.dtype, max_pixels=recipe.max_pixels, device_map="cpu")
    loaded = load_model(config, options)
    if getattr(loaded.processor, "video_processor", "absent") is None:
        # Trainers save it with each checkpoint.
        loaded.processor.save_pretrained = lambda folder, **others: _save_processor(loaded.processor, Path(folder))
    return Student(loaded.model, loaded.processor)


def lora_config(settings: LoraSettings | None) -> Any:
    """The settings of adapters as peft wants them; None without."""
    if settings is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        task_type="CAUSAL_LM",
    )


def save_whole(student: Student, model: Any, folder: Path) -> None:
    """Saves a model with its processor in a folder, whole or not at all.

    Args:
        student: gives the processor.
        model: whose weights are saved.
        folder: where to; one that is there is replaced.

    Raises:
        UserError: if it cannot be written.
    """
    draft = new_draft(folder)
    try:
        draft.mkdir(parents=True)
        model.save_pretrained(draft)
        _save_processor(student.processor, draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.replace(folder)
    except OSError as error:
        raise UserError(f"The model cannot be written to '{folder}' ({error.strerror or error}); make room.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save_processor(processor: Any, folder: Path) -> None:
    parts = [getattr(processor, name, None) for name in ("tokenizer", "image_processor")]
    if getattr(processor, "video_processor", "absent") is None:
        # Without torchvision there is no video part, and the whole cannot be saved; its parts can.
        for part in parts:
            if part is not None:
                part.save_pretrained(folder)
        template = getattr(processor, "chat_template", None)
        if isinstance(template, str):
            write_whole(folder / "chat_template.jinja", template.encode())
        return
    processor.save_pretrained(folder)


def write_student_yaml(folder: Path, name: str, recipe: Recipe, note: str, teachers: Sequence[str] = ()) -> Path:
    """Writes the YAML by which ``--model`` names a student.

    Args:
        folder: of the training; the model is ``folder/model``.
        name: of the student in tables.
        recipe: gives the longest answer.
        note: a comment: how it is asked.
        teachers: whose answers it learnt from.
    """
    options: dict[str, Any] = {} if recipe.max_pixels is None else {"max_pixels": recipe.max_pixels}
    if recipe.device == "cpu":
        options["device_map"] = "cpu"
    values = {
        "name": model_name(name),
        "provider": "transformers",
        "model": str((folder / "model").resolve()),
        "max_output_tokens": recipe.max_answer_tokens,
        "temperature": 0.0,
        "options": options,
        "taught_by": list(teachers),
    }
    path = folder / STUDENT
    write_whole(path, f"# {note}\n{yaml.safe_dump(values, sort_keys=False)}".encode())
    return path
