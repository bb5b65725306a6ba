"""What a POP in the foreground does when it is sent a signal, or its terminal is closed."""

import asyncio
import os
import signal
from collections.abc import Callable


class Signals:
    """Ends the POP (SIGTERM, Ctrl-C) or reads its site again (SIGHUP).

    ``stop`` is set to end, ``interrupted`` tells that it was by Ctrl-C. A second Ctrl-C does not wait: it
    calls ``kill`` and exits.
    """

    def __init__(self, *, reload: Callable[[], None], kill: Callable[[], None]) -> None:
        self.stop = asyncio.Event()
        self.interrupted = False
        self._reload = reload
        self._kill = kill
        self._had_terminal = _has_terminal()

    def take(self) -> None:
        """Take them from now on, on the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _interrupt(self) -> None:
        """Drain at the first Ctrl-C, end at the second."""
        if self.interrupted:
            self._kill()
            os._exit(130)
        self.interrupted = True
        self.stop.set()

    def _hang_up(self) -> None:
        """Read the site again; but a terminal that was closed means the end."""
        if self._had_terminal and not _has_terminal():
            self.stop.set()
            return
        self._reload()


def _has_terminal() -> bool:
    """Say whether standard input is this session's terminal; one that was closed is none."""
    try:
        return os.tcgetpgrp(0) > 0
    except OSError:
        return False
