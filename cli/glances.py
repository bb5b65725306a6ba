"""Ask one POP or several what they do just now, again and again, and make one answer of theirs.

Each is asked in a thread of its own, which ends with the process: one that hangs delays nobody, nor Ctrl-C.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from cli.remote import Remote, UnreachableError
from cli.sources import Source
from edgefaas.errors import EdgeError

CURVE_POINTS = 40
ALONE_S = 12.0  # how long the only POP may take: to connect, and to answer
TOGETHER_S = 1.5  # how long several may take; then the last answer of a slow one counts, for a while
OLD_S = 10.0

Live = Mapping[str, Any]
"""An answer of ``/v1/live``."""


class Glance:
    """One POP, and what it said last."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.error: EdgeError | None = None
        self._remote: Remote = source.remote
        self._live: Live | None = None
        self._at_s = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, *, history: bool) -> None:
        """Ask, unless an answer is still awaited."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._ask, args=(history,), daemon=True)
            self._thread.start()

    def latest(self, *, wait_s: float) -> Live | None:
        """Return the answer, waiting for it; an earlier one that is not old; or None."""
        assert self._thread is not None
        self._thread.join(max(0.0, wait_s))
        return self._live if time.monotonic() - self._at_s < OLD_S else None

    def _ask(self, history: bool) -> None:  # noqa: FBT001  # a thread's arguments have no names
        try:
            self._live = self._remote.look("/v1/live", history=history)
            self._at_s, self.error = time.monotonic(), None
        except EdgeError as error:
            self.error, self._live = error, None
            self._remote = self._remote.found_again()  # it may come back elsewhere


class Watch:
    """All POPs that can be asked; the first that answers is whose page it is."""

    def __init__(self, sources: Sequence[Source], *, here: str = "") -> None:
        self._glances = [Glance(source) for source in sorted(sources, key=lambda source: source.name != here)]
        self.last: Live | None = None
        self.curve: deque[float] = deque(maxlen=CURVE_POINTS)
        self._curve_of = ""
        self._lost_s: float | None = None

    def ask(self) -> Live:
        """Return what all say, as one. Raises EdgeError: none answers; the first one's reason."""
        for glance in self._glances:
            glance.begin(history=not self.curve)
        until_s = time.monotonic() + (ALONE_S if len(self._glances) == 1 else TOGETHER_S)
        answers = [glance.latest(wait_s=until_s - time.monotonic()) for glance in self._glances]
        lives = [live for live in answers if live is not None]
        if not lives:
            raise self._reason()
        self._grow(lives[0])
        self.last, self._lost_s = merged(lives), None
        return self.last

    def ask_or_say(self) -> str:
        """Ask; return "" or, when nobody answers, that and for how long. Raises EdgeError: a POP refuses."""
        try:
            self.ask()
        except UnreachableError as error:
            now_s = time.monotonic()
            self._lost_s = self._lost_s or now_s
            return f"{error}; asking again for {now_s - self._lost_s:.0f} s"
        return ""

    @property
    def refused(self) -> list[str]:
        """Return a sentence for each POP that did not answer."""
        return [f"{g.name} is left out: {g.error.advice}" for g in self._glances if g.error is not None]

    def _reason(self) -> EdgeError:
        for glance in self._glances:
            if glance.error is not None:
                return glance.error
        return UnreachableError(
            "The POP does not answer in time", remedy="See what its machine is busy with."
        )

    def _grow(self, live: Live) -> None:
        """Add the newest second to the curve; another POP's curve begins anew."""
        if self._curve_of != live["pop"]:
            self.curve.clear()
            self._curve_of = live["pop"]
        if history := live.get("history"):
            self.curve.clear()
            self.curve.extend(history["requests_per_s"])
        elif live["last"]:
            self.curve.append(live["last"]["requests_per_s"])


def merged(lives: Sequence[Live]) -> Live:
    """Return the first answer, in which each POP that answered too speaks for itself. Pure.

    What a POP says of itself goes over what others heard of it: all its functions, and their latencies.
    """
    first = {key: value for key, value in lives[0].items() if key != "history"}
    own = {live["pop"]: row for live in lives[1:] for row in live["pops"] if row["state"] == "here"}
    pops = []
    for row in first["pops"]:
        said = own.pop(row["name"], None)
        if said is not None and row["state"] != "here":
            silent = row["state"] in ("unknown", "no address")
            row = {**row, "live": said["live"], "state": "up" if silent else row["state"]}
        pops.append(row)
    pops += [{**row, "state": "up"} for row in own.values()]
    return {**first, "pops": pops}
