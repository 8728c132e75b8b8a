"""Whether a model's answers can be made to follow the form that a planner needs; said before the first call."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.backends.base import Backend
from lightemma.errors import UserError
from lightemma.planners.base import Planner

_FORMS = {"json": "a JSON schema", "regex": "a regular expression"}


def check_guided(planner: Planner, backends: Mapping[str, Backend]) -> None:
    """Makes sure that the main model can follow the planner's constraint.

    Args:
        planner: any.
        backends: its models by role.

    Raises:
        UserError: if the model cannot.
    """
    needs = planner.needs()
    if needs.constraint is None or needs.main is None or needs.constraint in backends[needs.main].constraints:
        return
    backend = backends[needs.main]
    who = f"Model '{backend.config.name}' (provider {backend.config.provider})"
    if not planner.takes_style:
        raise UserError(
            f"{who} cannot be held to {_FORMS[needs.constraint]}, which the planner '{planner.name}' needs; name another model."
        )
    if "json" in backend.constraints and planner.prompts is not None:
        raise UserError(
            f"{who} can be held to a JSON schema only, and the prompt set '{planner.prompts.name}' asks for a list; add "
            "`prompts` three-stage-json.",
            "prompts",
        )
    raise UserError(
        f"{who} cannot be held to a form of answer; leave `answer` guided out, or ask the model through a vLLM server or a "
        "provider with structured output (its option structured_output must be on).",
        "answer",
    )
