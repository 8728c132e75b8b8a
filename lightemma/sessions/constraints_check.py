"""Checks, before the first call, that a planner's main model supports the constraint and the samples that the planner needs."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.backends.base import Backend
from lightemma.errors import UserError
from lightemma.planners.base import Planner

_FORMS = {"json": "a JSON schema", "regex": "a regular expression"}


def check_samples(planner: Planner, backends: Mapping[str, Backend]) -> None:
    """Checks that several answers to one question can differ.

    Args:
        planner: may ask for samples.
        backends: its models by role.

    Raises:
        UserError: if they are drawn at temperature 0.
    """
    inputs, main = planner.inputs(), planner.needs().main
    if inputs.samples == 1 or main is None or not backends[main].facts.asks_model:
        return
    config = backends[main].config
    temperature = config.temperature if inputs.temperature is None else inputs.temperature
    if temperature == 0:
        raise UserError(
            f"{inputs.samples} samples of '{config.name}' at temperature 0 would be the same answer; give `temperature`, such "
            "as 0.7.",
            "temperature",
        )


def check_constraint(planner: Planner, backends: Mapping[str, Backend]) -> None:
    """Checks that answers of the main model can be constrained as the planner needs.

    Args:
        planner: with or without a constraint.
        backends: its models by role.

    Raises:
        UserError: if not.
    """
    needs = planner.needs()
    if needs.constraint is None or needs.main is None or needs.constraint in backends[needs.main].constraints:
        return
    backend = backends[needs.main]
    who = f"Model '{backend.config.name}' (provider {backend.config.provider})"
    if not planner.takes_style:
        raise UserError(
            f"{who} cannot be constrained to {_FORMS[needs.constraint]}, which the planner '{planner.name}' needs; name "
            "another model."
        )
    if "json" in backend.constraints and planner.prompts is not None:
        raise UserError(
            f"{who} can be constrained to a JSON schema only, but the prompt set '{planner.prompts.name}' asks for a list; add "
            "`prompts` three-stage-json.",
            "prompts",
        )
    raise UserError(
        f"{who} cannot be constrained to a form of answer; leave `answer` guided out, or use the model through a vLLM server "
        "or a provider with structured output (its option structured_output must be on).",
        "answer",
    )
