"""paraphrase: the same questions in other words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lightemma.probes.base import Group, Probe
from lightemma.prompts.sets import PromptSet, load_prompts
from lightemma.run_folder.probe_entry import Law

_FOLDER = Path(__file__).with_name("paraphrases")
_BEFORE = "Please read all of this carefully before you answer.\n\n"
_AFTER = "\n\nThank you."


class Paraphrase(Probe):
    """``polite`` adds a request before and thanks after each question, which fits every prompt set.

    ``reworded`` asks lightemma's own questions in other sentences, written by hand with the same facts and the same form of
    answer.
    """

    name: ClassVar[str] = "paraphrase"
    group: ClassVar[Group] = "prompts"
    variants: ClassVar[tuple[str, ...]] = ("polite", "reworded")
    needs: ClassVar[str] = (
        "a planner with prompts (for 'reworded', with the prompt set three-stage or three-stage-json)"
    )
    law = Law("The question means the same, so the plan stays the same.", "stays", tolerance=0.25)

    def reword(self, prompts: PromptSet) -> PromptSet | None:
        """The other wording."""
        if self.variant == "polite":
            templates = {stage: f"{_BEFORE}{text}{_AFTER}" for stage, text in prompts.templates.items()}
            dialogue = {stage: f"{_BEFORE}{text}{_AFTER}" for stage, text in prompts.dialogue.items()}
            return replace(prompts, templates=templates, dialogue=dialogue)
        if not (_FOLDER / prompts.name).is_dir() or prompts.sha256 != load_prompts(prompts.name).sha256:
            return None
        reworded = load_prompts(str(_FOLDER / prompts.name))
        return replace(reworded, settings=prompts.settings)
