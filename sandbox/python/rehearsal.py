"""The host while a function is built: it keeps the log, notes what is asked for, and has nothing of a request."""

import time
from collections.abc import Mapping

from sandbox.contract import HostCallError, Limits
from sandbox.guest import CURRENT, Guest
from sandbox.python.imports import Deployed, Session

ENVIRONMENT = "os.environ"
MODULE_SCOPE_S = 5
_LIMITS = Limits(
    memory_bytes=512 * 1024 * 1024, cpu_ms=MODULE_SCOPE_S * 1000, log_bytes=64 * 1024, host_calls=100_000
)


class Rehearsal:
    """What stands in for a request's host; see ``sandbox.contract.Host``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.wanted: list[str] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing, and note that it was asked for."""
        self.wanted.append(ENVIRONMENT)
        return {}

    def log(self, level: str, text: str) -> None:
        """Keep a line for the author."""
        self.lines.append(f"{level}: {text}")

    def call(self, name: str, payload: bytes) -> bytes:
        """Refuse, and note what was asked for."""
        self.wanted.append(name)
        raise HostCallError(f"{name} is not available while the function is deployed")


def rehearse(deployed: Deployed) -> tuple[Rehearsal, Session]:
    """Make a new guest the current one; return its host and what it will have asked of its surroundings."""
    host = Rehearsal()
    guest = CURRENT.guest = Guest(b"", _LIMITS, host)
    guest.scratch = session = Session(
        guest, deployed, deadline_s=time.monotonic() + MODULE_SCOPE_S, waits=False
    )
    return host, session
