"""The guest while a Python function is built."""

import time

from sandbox.guest import CURRENT, Guest
from sandbox.python.imports import Deployed, Session
from sandbox.rehearsal import LIMITS, MODULE_SCOPE_S, Rehearsal

ENVIRONMENT = "os.environ"


def rehearse(deployed: Deployed) -> tuple[Rehearsal, Session]:
    """Make a new guest the current one; return its host and what it will have asked of its surroundings."""
    host = Rehearsal(ENVIRONMENT)
    guest = CURRENT.guest = Guest(b"", LIMITS, host)
    guest.scratch = session = Session(
        guest, deployed, deadline_s=time.monotonic() + MODULE_SCOPE_S, waits=False
    )
    return host, session
