"""What one guest sees of the world through WASI: arguments, environment, three streams."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from sandbox.capi import Memory, caller_memory
from sandbox.contract import Limit
from sandbox.guest import Guest, GuestFaultError, LimitReachedError
from sandbox.wasi.abi import FDFLAGS_NONBLOCK, RIGHT_FD_READ, RIGHT_FD_WRITE, RIGHT_POLL

_LINE_BYTES_MAX = 8 * 1024
_LINES_KEPT = 20
_LINE_BYTES_KEPT = 500


class GuestExitError(GuestFaultError):
    """The guest called ``proc_exit``: an end like any other for a command, a fault in a function."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it exited with status {status}")
        self.status = status


class Input:
    """A stream to read from; at its end there is nothing more."""

    rights = RIGHT_FD_READ | RIGHT_POLL

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left_bytes(self) -> int:
        """Return how much is still to be read."""
        return len(self._data) - self._at

    def read(self, length: int) -> bytes:
        """Return at most ``length`` bytes."""
        taken = self._data[self._at : self._at + length]
        self._at += len(taken)
        return taken


class Output:
    """A stream that is kept up to a limit, beyond which the invocation ends."""

    rights = RIGHT_FD_WRITE | RIGHT_POLL

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def wants(self, size: int) -> tuple[int, int]:
        """Return how much of so many bytes is to be handed over, and how much counts as written.

        Raises LimitReachedError.
        """
        if self._size + size > self._limit_bytes:
            raise LimitReachedError(Limit.OUTPUT, self._limit_bytes)
        return size, size

    def write(self, data: bytes) -> None:
        """Take bytes that were asked for by ``wants``."""
        self._parts.append(data)
        self._size += len(data)

    def flush(self) -> None:
        """Do nothing: what is kept is complete."""

    def value(self) -> bytes:
        """Return all that was written."""
        return b"".join(self._parts)


class LogOutput:
    """A stream whose lines go to the function's log; beyond the log's limit nothing is even copied."""

    rights = RIGHT_FD_WRITE | RIGHT_POLL

    def __init__(self, guest: Guest, level: str) -> None:
        self._guest = guest
        self._level = level
        self._line = b""
        self.last: tuple[bytes, ...] = ()  # for the detail of an outcome

    def wants(self, size: int) -> tuple[int, int]:
        """Return that all of it counts as written, but only what the log has room for, and a little, is wanted."""
        if self._guest.log_full:
            return 0, size
        return min(size, self._guest.limits.log_bytes - self._guest.log_bytes + 1), size

    def write(self, data: bytes) -> None:
        """Log each whole line; keep the rest for later, up to a bound."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._log(line)
        while len(self._line) > _LINE_BYTES_MAX:
            self._log(self._line[:_LINE_BYTES_MAX])
            self._line = self._line[_LINE_BYTES_MAX:]

    def flush(self) -> None:
        """Log the last line, which has no end."""
        if self._line:
            self._log(self._line)
            self._line = b""

    def _log(self, line: bytes) -> None:
        self.last = (*self.last[1 - _LINES_KEPT :], line[:_LINE_BYTES_KEPT])
        self._guest.log(self._level, line.decode("utf-8", "replace"), len(line) + 1)


class Described(Protocol):
    """What a descriptor stands for: a stream, a file or a folder."""

    rights: int


class Wasi:
    """One guest's view: a table of descriptors, arguments, environment. ``opened`` is there from the start."""

    __slots__ = ("_errors", "arguments", "environment", "flags", "streams")

    def __init__(
        self,
        guest: Guest,
        *,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str | bytes] | None = None,
        stdin: Input | None = None,
        stdout: Output | None = None,
        opened: Iterable[Described] = (),
    ) -> None:
        variables: Mapping[str, str | bytes] = guest.host.environment if environment is None else environment
        self.arguments = [_c_string(argument) for argument in arguments]
        self.environment = [_variable(name, value) for name, value in variables.items()]
        self._errors = LogOutput(guest, "error")
        streams = (stdin or Input(b""), stdout or LogOutput(guest, "info"), self._errors, *opened)
        self.streams: dict[int, Described] = dict(enumerate(streams))
        self.flags = dict.fromkeys(self.streams, 0)

    def blocks(self, descriptor: int) -> bool:
        """Return whether a call on it waits; one that was set to FDFLAGS_NONBLOCK says EAGAIN instead."""
        return not self.flags.get(descriptor, 0) & FDFLAGS_NONBLOCK

    @property
    def last_error(self) -> str:
        """Return the last lines written to standard error."""
        return b"\n".join(self._errors.last).decode("utf-8", "replace")

    def flush(self) -> None:
        """Log what is left of the last lines. Call it when the guest has ended, however it did."""
        for stream in self.streams.values():
            if isinstance(stream, Output | LogOutput):
                stream.flush()


def _variable(name: str, value: str | bytes) -> bytes:
    octets = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    return b"%b=%b\0" % (name.encode("utf-8", "replace"), octets.replace(b"\0", b""))


def _c_string(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\0", b"") + b"\0"


def wasi_of(guest: Guest) -> Wasi:
    """Return the guest's view; one that was not set up sees nothing but its environment."""
    if guest.wasi is None:
        guest.wasi = Wasi(guest)
    return guest.wasi


def memory_of(guest: Guest) -> Memory:
    """Return the memory that the guest's pointers point into."""
    memory = guest.memory or caller_memory()
    if memory is None:
        raise GuestFaultError("it called WASI, but exports no memory")
    return memory
