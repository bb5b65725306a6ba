"""The host while a function's top level runs at deploy: it notes what is asked for, and has nothing of a request."""

from collections.abc import Mapping

from sandbox.contract import HostCallError, Limits

MODULE_SCOPE_S = 5
"""Seconds of CPU that a top level may take at deploy."""
LIMITS = Limits(
    memory_bytes=512 * 1024 * 1024, cpu_ms=MODULE_SCOPE_S * 1000, log_bytes=64 * 1024, host_calls=100_000
)


class Rehearsal:
    """What stands in for a request's host; see ``sandbox.contract.Host``.

    ``wanted`` are the operations that were asked for, in order; for the environment, the name given for it.
    """

    def __init__(self, environment_name: str) -> None:
        self._environment_name = environment_name
        self.lines: list[str] = []
        self.wanted: list[str] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing, and note that it was asked for."""
        self.wanted.append(self._environment_name)
        return {}

    def log(self, level: str, text: str) -> None:
        """Keep a line for the author."""
        self.lines.append(f"{level}: {text}")

    def call(self, name: str, payload: bytes) -> bytes:
        """Refuse, and note what was asked for."""
        self.wanted.append(name)
        raise HostCallError(f"{name} is not available while the function is deployed")
