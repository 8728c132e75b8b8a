"""The stages of a training as TRL's trainers: supervised, by preferences, by a reward, and by a teacher's likelihoods."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightemma.distillation.recipe import Recipe, StageName
from lightemma.distillation.rewards import Reward
from lightemma.distillation.student_data import (
    StudentData,
    dataset,
    dpo_example,
    prompt_example,
    rewarded_example,
    sft_example,
)
from lightemma.distillation.student_model import Student, load_student, lora_config
from lightemma.errors import UserError

_PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "datasets")
#: Values of a trainer's log that are kept.
ACCURACY = "eval_rewards/accuracies"


def check_training_packages() -> None:
    """Looks for the packages without importing them.

    Raises:
        UserError: if one is missing.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"Training needs {' and '.join(missing)}; install with pip install 'lightemma[distill]'.")


def trl() -> Any:
    """``trl``, untyped."""
    return importlib.import_module("trl")


def make_trainer(
    stage: StageName,
    recipe: Recipe,
    student: Student,
    data: StudentData,
    folder: Path,
    start: str,
    callbacks: Sequence[Any],
) -> Any:
    """A stage's trainer.

    Args:
        stage: which.
        recipe: how.
        student: trained in place: the model that the stage starts from, or that of the checkpoint it goes on from.
        data: the rows.
        folder: of checkpoints.
        start: folder or hub id of the model that the stage starts from.
        callbacks: of transformers.

    Raises:
        UserError: if there are no rows for it.
    """
    made = {"sft": _sft, "dpo": _dpo, "grpo": _grpo, "on-policy": _on_policy}[stage]
    shared = {
        "model": student.model,
        "processing_class": student.processor,
        "peft_config": lora_config(recipe.lora),
        "callbacks": list(callbacks),
    }
    if stage == "dpo" and recipe.lora is None:
        # Where there are no adapters to switch off, TRL would look for the model's name on the hub.
        shared["ref_model"] = load_student(recipe, start).model
    return made(recipe, data, _arguments(stage, recipe, folder), shared)


def _arguments(stage: StageName, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What all trainers are told."""
    import torch

    settings = recipe.of(stage)
    steps = settings.steps
    gpu = recipe.device == "auto" and torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "max_steps": steps,
        "per_device_train_batch_size": settings.batch,
        "per_device_eval_batch_size": settings.batch,
        "gradient_accumulation_steps": settings.accumulate,
        "learning_rate": settings.learning_rate,
        "warmup_steps": round(settings.warmup * steps),
        "lr_scheduler_type": settings.schedule,
        "logging_steps": max(1, min(10, steps // 10)),
        "save_strategy": "steps",
        "save_steps": min(recipe.checkpoint_every, steps),
        "save_total_limit": 2,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "bf16": bool(gpu and recipe.dtype == "bfloat16"),
        "use_cpu": not gpu,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": bool(gpu),
    }


def _sft(recipe: Recipe, data: StudentData, arguments: dict[str, Any], shared: dict[str, Any]) -> Any:
    # No length is given: cutting would cut the tokens of pictures.
    settings = trl().SFTConfig(max_length=None, completion_only_loss=True, **arguments)
    return trl().SFTTrainer(args=settings, train_dataset=dataset(data.sft_of("train"), sft_example), **shared)


def _dpo(recipe: Recipe, data: StudentData, arguments: dict[str, Any], shared: dict[str, Any]) -> Any:
    dpo = recipe.dpo
    loss: dict[str, Any] = {"loss_type": ["sigmoid"]}
    if dpo.likelihood:
        loss = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, dpo.likelihood]}
    settings = trl().DPOConfig(max_length=None, beta=dpo.beta, **loss, **arguments)
    held_out = [row for row in data.dpo if row.part == "validation"]
    return trl().DPOTrainer(
        args=settings,
        train_dataset=dataset(data.dpo_of("train"), dpo_example),
        eval_dataset=dataset(held_out, dpo_example) if held_out else None,
        **shared,
    )


def _grpo(recipe: Recipe, data: StudentData, arguments: dict[str, Any], shared: dict[str, Any]) -> Any:
    grpo = recipe.grpo
    rows = data.sft_of("train")
    settings = trl().GRPOConfig(
        num_generations=grpo.answers,
        temperature=grpo.temperature,
        beta=grpo.beta,
        max_completion_length=recipe.max_answer_tokens,
        # Whole groups of answers in every update.
        **{**arguments, "per_device_train_batch_size": _whole_groups(grpo.batch, grpo.answers)},
    )
    return trl().GRPOTrainer(
        args=settings, train_dataset=dataset(rows, rewarded_example), reward_funcs=Reward(data.form), **shared
    )


def _whole_groups(batch: int, answers: int) -> int:
    return max(1, round(batch / answers)) * answers


def _on_policy(recipe: Recipe, data: StudentData, arguments: dict[str, Any], shared: dict[str, Any]) -> Any:
    settings = trl().DistillationConfig(
        temperature=recipe.on_policy.temperature, max_completion_length=recipe.max_answer_tokens, **arguments
    )
    assert recipe.on_policy.teacher is not None, "checked by the recipe"
    teacher = load_student(recipe, recipe.on_policy.teacher).model
    size = len(shared["processing_class"].tokenizer)
    if teacher.config.get_text_config().vocab_size != shared["model"].config.get_text_config().vocab_size:
        raise UserError(
            f"The teacher '{recipe.on_policy.teacher}' has another vocabulary than the student ({size} tokens), so its "
            "likelihoods say nothing about the student's tokens; take one with the same tokenizer, or leave on-policy out.",
        )
    return trl().DistillationTrainer(
        teacher_model=teacher, args=settings, train_dataset=dataset(data.sft_of("train"), prompt_example), **shared
    )
