"""The dead man's switch of a worker: the kernel ends a process whose event loop does not turn any more.

A guest is preempted by ticks and a host call must not block, but what holds the loop all the same (lost ticks, a
library that never returns, a regular expression) would hold it for good, and everybody whose connection is here.
Two timers of the kernel are put off at every turn; when one expires the process ends by its signal, whose default that
is, and the supervisor starts another. One counts CPU time, and so finds a loop that spins whatever else the machine
does; the other counts seconds, for one that waits in a call that does not come back.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

CPU_S = 5.0
WALL_S = 20.0
TURN_S = 1.0

ENDINGS = {
    signal.SIGPROF: f"was ended: its loop was held for {CPU_S:.0f} s of CPU",
    signal.SIGALRM: f"was ended: its loop was held for {WALL_S:.0f} s",
}
"""What a worker's death by one of the two signals means, for the supervisor's log."""


class DeadManSwitch:
    """Armed from ``start`` on. Nobody else in the process may use SIGALRM, SIGPROF and their timers."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, cpu_s: float = CPU_S, wall_s: float = WALL_S
    ) -> None:
        self._loop = loop
        self._cpu_s = cpu_s
        self._wall_s = wall_s
        self._patience = 0

    def start(self) -> None:
        """Arm it: from now on the loop must turn."""
        for number in ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        self._turn()

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Let what is done inside take its time: the supervisor asked for it, and keeps a deadline of its own."""
        self._patience += 1
        self._set()
        try:
            yield
        finally:
            self._patience -= 1
            self._set()

    def _turn(self) -> None:
        self._set()
        self._loop.call_later(TURN_S, self._turn)

    def _set(self) -> None:
        armed = not self._patience
        signal.setitimer(signal.ITIMER_REAL, self._wall_s if armed else 0)
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s if armed else 0)
