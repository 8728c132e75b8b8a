"""Traffic lights: two phases that take turns at a junction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from lightemma.simulation.state import SignalColour

Phase = Literal["main", "side"]


@dataclass(frozen=True, slots=True)
class Controller:
    """The lights of one junction: green, amber, all red for the main street, then the same for the side street.

    Attributes:
        main: seconds of green for the main street.
        side: seconds of green for the side street.
        offset: seconds of the cycle that have passed at time 0; the cycle begins with the main street's green.
        amber: seconds.
        all_red: seconds between one street's amber and the other's green.
        held: what the side street shows while the main street is held at red, whatever the time; None for lights that run.
    """

    main: float = 20.0
    side: float = 15.0
    offset: float = 0.0
    amber: float = 3.0
    all_red: float = 2.0
    held: SignalColour | None = None

    @property
    def cycle(self) -> float:
        """Seconds after which the lights repeat."""
        return self.main + self.side + 2.0 * (self.amber + self.all_red)

    def colour(self, phase: Phase, time: float) -> SignalColour:
        """What the phase shows at a time in seconds."""
        return self.look(phase, time)[0]

    def look(self, phase: Phase, time: float) -> tuple[SignalColour, float]:
        """What the phase shows at a time, and for how many more seconds."""
        if self.held is not None:
            return ("red" if phase == "main" else self.held), math.inf
        since = math.fmod(time + self.offset, self.cycle)
        if phase == "side":
            since -= self.main + self.amber + self.all_red
        since %= self.cycle
        green = self.main if phase == "main" else self.side
        if since < green:
            return "green", green - since
        if since < green + self.amber:
            return "amber", green + self.amber - since
        return "red", self.cycle - since

    def released(self, time: float) -> Controller:
        """Lights that no longer hold the main street at red: at this time the side street's green, if any, ends."""
        wait = self.all_red + (self.amber if self.held == "green" else 0.0)
        return replace(self, held=None, offset=(-time - wait) % self.cycle)
