"""How much is begun in one turn of the event loop: no more than leaves the next known answer soon. A thin shell.

A turn finds many connections with a request. What is known, a hit above all, is answered inside the callback in some
10 µs; what has to be made takes longer, so of 256 viewers of a function each turn was as long as 256 functions, and
viewers of hits waited for the whole of it. So what is begun in a turn may take ``BUDGET_S``; the rest waits in line, in
order of arrival, before anything is made of it, and goes on in the next turns, between which the loop hears of hits.
Nothing is refused for that, and nothing waits where a turn has little to do.
"""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

BUDGET_S = 0.002
_turns: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]" = weakref.WeakKeyDictionary()


class Waiting(Protocol):
    """What waits in line."""

    def take_up(self) -> None:
        """Begin now. Must not raise."""
        ...


class Turns:
    """What is begun on one event loop. ``now_s`` is a clock."""

    __slots__ = ("_line", "_loop", "_now_s", "_planned", "_until_s")

    def __init__(self, loop: asyncio.AbstractEventLoop, now_s: Callable[[], float] = perf_counter) -> None:
        self._loop = weakref.ref(loop)
        self._now_s = now_s
        self._line: deque[Waiting] = deque()
        self._planned = False
        self._until_s = 0.0

    def has_time(self) -> bool:
        """Return whether something may be begun at once; else it is to stand in line."""
        if self._planned:
            return not self._line and self._now_s() < self._until_s
        self._plan()
        return True

    def stand_in_line(self, waiting: Waiting) -> None:
        """Have ``take_up`` called in one of the next turns, after all who came before."""
        self._line.append(waiting)

    def _plan(self) -> None:
        """Begin to count: what follows is one turn, until the loop calls back."""
        loop = self._loop()
        assert loop is not None
        self._planned = True
        self._until_s = self._now_s() + BUDGET_S
        loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Begin what waits, as far as a turn's time goes."""
        line = self._line
        if not line:
            self._planned = False
            return
        self._plan()
        until_s = self._until_s
        while line:
            line.popleft().take_up()
            if self._now_s() >= until_s:
                return


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return the loop's turns."""
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = Turns(loop)
    return turns
