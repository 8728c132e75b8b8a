"""Whether a model's answers can be held to the form that a run asks for; said before the first call."""

from __future__ import annotations

from lightemma.backends.base import Backend
from lightemma.errors import UserError
from lightemma.planners.base import Planner
from lightemma.planners.chain_of_thought import ChainOfThought


def check_guided(planner: Planner, backend: Backend) -> None:
    """Makes sure that a planner's guided answers can be guided.

    Raises:
        UserError: if the backend cannot hold answers to the form that the prompt set asks for.
    """
    if not (isinstance(planner, ChainOfThought) and planner.asking.guided):
        return
    config, prompts = backend.config, planner.prompts
    if ("json" if prompts.response_schema is not None else "regex") in backend.constraints:
        return
    who = f"Model '{config.name}' (provider {config.provider})"
    if "json" in backend.constraints:
        raise UserError(
            f"{who} can be held to a JSON schema only, and the prompt set '{prompts.name}' asks for a list; add "
            "--prompts three-stage-json."
        )
    raise UserError(
        f"{who} cannot be held to a form of answer; leave --answer guided out, or ask the model through a vLLM server or a "
        "provider with structured output (its option structured_output must be on)."
    )
