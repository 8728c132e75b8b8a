"""The frames of a probe: changed one by one, checked, and answered from the untouched run where nothing is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightemma.backends.base import Call, CallResult, Completion, Request
from lightemma.errors import UserError
from lightemma.frame import Frame, PictureChange, PixelArray
from lightemma.plugins import describe, error_line
from lightemma.probes.base import Probe, Probed, Untouched
from lightemma.prompts.template import fold


@dataclass(frozen=True)
class ProbedSet:
    """The frames that a probe has a meaning for, as the planner gets them.

    Attributes:
        probe: what changed them.
        run: the untouched run.
        frames: changed frames, in order.
        recorded: sample token -> frame as recorded.
        amounts: sample token -> by how much it was changed, where the probe says so.
    """

    probe: Probe
    run: Untouched
    frames: tuple[Frame, ...]
    recorded: Mapping[str, Frame]
    amounts: Mapping[str, float]

    def calls(self, calls: Mapping[str, Call]) -> Mapping[str, Call]:
        """The calls of the planner, of which those that the probe leaves alone are answered from the untouched run."""
        if not self.probe.keeps and not self.probe.replaces:
            return calls
        return {role: _KeptAnswers(call, role, self).answer for role, call in calls.items()}


def probed_set(probe: Probe, run: Untouched) -> ProbedSet:
    """Changes every frame of a run.

    Raises:
        UserError: if the probe fails, or returns something that is no changed frame.
    """
    frames, recorded, amounts = list[Frame](), dict[str, Frame](), dict[str, float]()
    for frame in run.frames:
        changed = _checked(probe, frame, run)
        if changed is None:
            continue
        shown = changed.frame
        if shown.altered is not None:
            shown = replace(shown, altered=_guarded(probe, shown.altered))
        frames.append(shown)
        recorded[frame.sample_token] = frame
        if changed.amount is not None:
            amounts[frame.sample_token] = float(changed.amount)
    return ProbedSet(probe, run, tuple(frames), recorded, amounts)


def _checked(probe: Probe, frame: Frame, run: Untouched) -> Probed | None:
    changed: object = _called(probe, lambda: probe.change(frame, run))
    if changed is None:
        return None
    if not isinstance(changed, Probed) or not isinstance(changed.frame, Frame):
        raise _wrong(probe, f"returned {type(changed).__name__} from change(), not Probed or None")
    new = changed.frame
    if (new.scene, new.frame_index, new.sample_token) != (frame.scene, frame.frame_index, frame.sample_token):
        raise _wrong(
            probe, "changed the name of a frame; scene, index and token must stay, so that runs can be compared"
        )
    old_history, history = frame.history, new.history
    arrays = [(history.actions, old_history.actions), (history.positions, old_history.positions)]
    if frame.future is not None or new.future is not None:
        arrays.append((np.asarray(new.future), np.asarray(frame.future)))
    if any(np.shape(mine) != np.shape(theirs) or not np.isfinite(mine).all() for mine, theirs in arrays):
        raise _wrong(probe, "returned a history or future of another shape, or with numbers that are not finite")
    if changed.amount is not None and not np.isfinite(changed.amount):
        raise _wrong(probe, f"gave the amount {changed.amount!r}, which is no finite number")
    return changed


def _guarded(probe: Probe, change: PictureChange) -> PictureChange:
    """The change to pictures, whose errors name the probe."""

    def guarded(pixels: PixelArray) -> PixelArray:
        new: object = _called(probe, lambda: change(pixels))
        if (
            not isinstance(new, np.ndarray)
            or new.dtype != np.uint8
            or new.ndim != 3
            or new.shape[2] != 3
            or not new.size
        ):
            raise _wrong(probe, "returned no picture: give a uint8 array of shape (height, width, 3)")
        return new

    return guarded


class _KeptAnswers:
    """A call that is answered from the untouched run, or by the probe, where nothing is to be asked."""

    def __init__(self, call: Call, role: str, probed: ProbedSet) -> None:
        self._call = call
        self._role = role
        self._probed = probed

    async def answer(self, request: Request) -> CallResult:
        text = self._text(request)
        if text is None:
            return await self._call(request)
        return CallResult(Completion(text), attempts=0, cached=True, role=self._role)

    def _text(self, request: Request) -> str | None:
        probe, run = self._probed.probe, self._probed.run
        frame = self._probed.recorded.get(request.sample_token)
        if frame is None:
            return None
        if request.stage in probe.replaces:
            said: object = _called(probe, lambda: probe.answer(request.stage, frame, run))
            if said is not None and not (isinstance(said, str) and said.strip()):
                raise _wrong(probe, f"returned {said!r} from answer(), not a text or None")
            return said if isinstance(said, str) else None
        stored = run.answers.get(request.sample_token, {}).get(request.stage)
        if request.stage not in probe.keeps or stored is None or not request.messages:
            return None
        # The question must be the one that was answered; white space is not kept by every archive.
        return stored.answer if fold(stored.prompt) == fold(request.messages[-1].text) else None


def _called(probe: Probe, work: Callable[[], object]) -> object:
    """What a probe returns.

    Raises:
        UserError: naming the probe, if it fails.
    """
    try:
        return work()
    except UserError:
        raise
    except Exception as error:
        raise _wrong(probe, f"failed: {error_line(error)}") from error


def _wrong(probe: Probe, what: str) -> UserError:
    return UserError(f"The probe '{probe.label}' ({describe(type(probe))}) {what}; see docs/probes.md.")
