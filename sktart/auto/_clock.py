"""A clock that is asked before each piece of work."""

from __future__ import annotations

import time


class Skipped(Exception):
    """A candidate is left out, and why."""


class OutOfTime(Skipped):
    """The next piece of work would end too late."""


class Clock:
    """Counts down the seconds that are left for a search.

    Parameters
    ----------
    seconds : float or None
        None never ends.

    Attributes
    ----------
    reserve : float
        Seconds that are kept for what comes after the search.
    """

    def __init__(self, seconds: float | None) -> None:
        self.began = time.monotonic()
        self.seconds = float("inf") if seconds is None else float(seconds)
        self.reserve = 0.0

    @property
    def left(self) -> float:
        """Seconds that are left for the search."""
        return self.began + self.seconds - self.reserve - time.monotonic()

    def grant(self, seconds: float) -> None:
        """Take some seconds that have passed for none."""
        self.seconds += seconds

    def check(self, needed: float, what: str) -> None:
        """Raise unless there is time for work of so many seconds."""
        if needed > self.left:
            raise OutOfTime(f"{what} would take {needed:.1f} s, and {max(self.left, 0.0):.1f} s are left")
