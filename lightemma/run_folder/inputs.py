"""What a planner was told of each frame: stored with the run, and printed beside every L2."""

from __future__ import annotations

import msgspec

#: Where a command comes from: the recorded drive itself, which leaks the future; or the world's route, which does not.
RECORDED_FUTURE = "recorded future"
ROUTE = "route"
#: Seconds of motion under the protocol.
PROTOCOL_HISTORY_S = 3.0


class InputsEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The inputs of a run.

    Attributes:
        history_s: seconds of the car's own motion; 0 is none, not even the present speed.
        pictures: of each frame, its own and those of the key frames before it; 0 for planners that see none.
        cameras: whose pictures of the frame: ``front``, ``front3``, ``all6``; empty without pictures.
        command: where the navigation command came from: ``recorded future`` or ``route``; empty without one.
        few_shot: examples from other scenes.
        few_shot_seed: by which they were drawn.
        samples: answers asked for in place of one.
        temperature: of these; None is the model's own.
        experts: whose findings it was told: ``chosen``, ``all``, ``oracle``, ``lying``; empty without any.
        blind: whether every picture is a uniform grey, as for the blind twin of a closed-loop run.
    """

    history_s: float = PROTOCOL_HISTORY_S
    pictures: int = 0
    cameras: str = ""
    command: str = ""
    few_shot: int = 0
    few_shot_seed: int | None = None
    samples: int = 1
    temperature: float | None = None
    experts: str = ""
    blind: bool = False

    @property
    def told(self) -> tuple[object, ...]:
        """What must be the same in a run that is resumed; pictures and cameras are among the planner's settings."""
        return (
            self.history_s,
            self.command,
            self.few_shot,
            self.few_shot_seed,
            self.samples,
            self.temperature,
            self.experts,
            self.blind,
        )

    @property
    def leaks_future(self) -> bool:
        """Whether an input was made from what is to be predicted."""
        return self.command == RECORDED_FUTURE

    @property
    def words(self) -> str:
        """The inputs in a cell of a table: pictures, motion, and more, as in ``front x 3, 1 s, 6 samples at 0.7``."""
        return ", ".join(self.parts.values())

    @property
    def parts(self) -> dict[str, str]:
        """The same, each under its name; what is left at nothing is left out, except pictures and motion."""
        seen = "grey" if self.blind else self.cameras or "front"
        parts = {
            "pictures": (seen if self.pictures == 1 else f"{seen} x {self.pictures}")
            if self.pictures
            else "no picture",
            "history": f"{self.history_s:g} s" if self.history_s else "no motion",
        }
        if self.command:
            parts["command"] = "command" + (" (leaks the future)" if self.leaks_future else f" ({self.command})")
        if self.few_shot:
            parts["few_shot"] = f"{self.few_shot} example{'s' * (self.few_shot != 1)}"
        if self.samples > 1:
            at = "" if self.temperature is None else f" at {self.temperature:g}"
            parts["samples"] = f"{self.samples} samples{at}"
        if self.experts:
            parts["experts"] = f"{self.experts} experts"
        return parts

    def differences(self, other: InputsEntry) -> str:
        """What differs from other inputs, as ``mine instead of theirs``; empty for the same."""
        mine, theirs = self.parts, other.parts
        return "; ".join(
            f"{mine.get(name, _none(name))} instead of {theirs.get(name, _none(name))}"
            for name in dict.fromkeys((*mine, *theirs))
            if mine.get(name) != theirs.get(name)
        )


def _none(name: str) -> str:
    return {"few_shot": "no example", "samples": "one answer"}.get(name, f"no {name}")
