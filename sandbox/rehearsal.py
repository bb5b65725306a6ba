"""A function's top level, run at deploy: the host that it has, its limits, and what its author is told of it.

The host notes what is asked for, and has nothing of a request.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sandbox.capi import Engine, Ticker
from sandbox.contract import HostCallError, Limits, Source
from sandbox.errors import BuildLimitError, CompileError
from sandbox.guest import LimitReachedError

_SLICE_US = 10_000
_LINES_TOLD = 3

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


class Deadline:
    """When something must have ended, by the CPU that this process has used; without ``cpu_s``, never."""

    __slots__ = ("_cpu_s", "_end_s", "_remedy", "_what")

    def __init__(self, cpu_s: int | None = None, what: str = "", *, remedy: str = "") -> None:
        self._cpu_s = cpu_s
        self._end_s = float("inf") if cpu_s is None else time.process_time() + cpu_s
        self._what = what
        self._remedy = remedy

    def check(self) -> None:
        """Raise BuildLimitError when it is over."""
        if time.process_time() > self._end_s:
            raise BuildLimitError(
                f"{self._what} did not end within {self._cpu_s} s of CPU", remedy=self._remedy
            )


@contextmanager
def sliced(engine: Engine, *, named: str, breaks: tuple[type[Exception], ...]) -> Iterator[None]:
    """Let guests run in slices inside; what stops them is their author's, and so is what ``breaks`` the interpreter.

    Raises BuildError.
    """
    ticker = Ticker(engine, slice_us=_SLICE_US)
    ticker.start()
    try:
        yield
    except LimitReachedError as error:
        raise BuildLimitError(
            f"building took more than its {error.limit.value} limit of {error.allowed}",
            remedy="Do less at the top level.",
        ) from error
    except breaks as error:
        raise CompileError(
            f"{named} stopped: {error}", remedy="Look for deep recursion at the top level."
        ) from error
    finally:
        ticker.close()


def refuse_no_entry(source: Source) -> None:
    """Raise CompileError for a source whose entry is not among its files."""
    if source.entry not in source.files:
        raise CompileError(f"there is no file {source.entry!r}", remedy="Name the entry in function.toml.")


def remarks(host: Rehearsal, *, random_used: bool, time_used: bool) -> list[str]:
    """Return what the author should know of a top level whose result every request will see."""
    warnings = [f"The top level logged {line[:200]!r}." for line in host.lines[:_LINES_TOLD]]
    if random_used:
        warnings.append(
            "The top level uses randomness: every request sees the same value. Draw it in the handler."
        )
    if time_used:
        warnings.append("The top level reads the time: every request sees the time of the deployment.")
    return warnings


def runs_anew(asked: str) -> str:
    """Return what the author should know of a top level that asks for what only a request has."""
    return f"The top level uses {asked}, which only a request has: it runs anew in every request."
