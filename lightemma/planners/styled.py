"""What a prompt style needs, and which inputs it gives, for the planners that take one."""

from __future__ import annotations

from lightemma.backends.base import Constraint
from lightemma.planners.base import Needs
from lightemma.planners.prompt_style import PromptStyle
from lightemma.run_folder.inputs import RECORDED_FUTURE, InputsEntry
from lightemma.run_folder.records import MAIN


def style_needs(style: PromptStyle, form: Constraint) -> Needs:
    """The needs of a planner with one model.

    Args:
        style: how it asks.
        form: what its answer is constrained to, if the style says so.
    """
    return Needs(
        style.pictures,
        (MAIN,),
        form if style.guided else None,
        cameras=style.cameras,
        examples=style.few_shot,
        examples_seed=style.few_shot_seed,
        command=style.command,
    )


def style_inputs(style: PromptStyle) -> InputsEntry:
    """The inputs as manifests name them."""
    return InputsEntry(
        history_s=style.history_s,
        pictures=style.pictures,
        cameras=style.cameras,
        command=RECORDED_FUTURE if style.command else "",
        few_shot=style.few_shot,
        few_shot_seed=style.few_shot_seed if style.few_shot else None,
        samples=style.samples,
        temperature=style.temperature,
    )
