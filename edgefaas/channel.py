"""The control channel between the supervisor and one worker: msgpack frames over a socketpair.

A frame is a four-byte big-endian length and one msgpack map. ``{"id", "op", "args"}`` asks, ``{"id", "ok"}``
or ``{"id", "error"}`` answers, ``{"op", "args"}`` without an id tells. Both ends speak the same. Neither end
trusts a length or a type that it has read: a worker runs strangers' code.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgpack

from edgefaas import errors
from edgefaas.background import Background

FRAME_MAX_BYTES = 64 * 1024 * 1024
_LENGTH_BYTES = 4

log = logging.getLogger("edgefaas.channel")

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Answers one operation with a plain value; an EdgeError goes to the other end as it is."""

Tell = Callable[[str, Mapping[str, Any]], None]
"""Takes one notice; must not raise."""


class ChannelClosedError(errors.EdgeError):
    """The other end is gone, or broke the framing."""

    status = 503


class Channel:
    """One end. ``serve`` runs until the other end is gone; ``ask`` and ``tell`` may be used meanwhile."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        ask: Ask,
        tell: Tell,
        peer: str,
    ) -> None:
        self._reader, self._writer = streams
        self._on_ask = ask
        self._on_tell = tell
        self._peer = peer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._closed = False
        self._background = Background()

    @classmethod
    async def open(cls, sock: socket.socket, *, ask: Ask, tell: Tell, peer: str) -> "Channel":
        """Return a channel over one end of a socketpair; it owns the socket from now on."""
        streams = await asyncio.open_unix_connection(sock=sock)
        return cls(streams, ask=ask, tell=tell, peer=peer)

    @property
    def closed(self) -> bool:
        """Say whether the other end is known to be gone."""
        return self._closed

    async def ask(self, op: str, args: Mapping[str, Any] | None = None, *, timeout_s: float) -> Any:
        """Return the other end's answer.

        Raises:
            ChannelClosedError: the other end went away, or did not answer within ``timeout_s``.
            EdgeError: what the other end raised, as the same class, message and remedy.
        """
        self._next_id += 1
        request_id = self._next_id
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            self._send({"id": request_id, "op": op, "args": dict(args or {})})
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise ChannelClosedError(
                f"The {self._peer} did not answer {op} within {timeout_s:g} s",
                remedy="See what the machine is busy with, then try again.",
            ) from None
        finally:
            self._waiting.pop(request_id, None)

    def tell(self, op: str, args: Mapping[str, Any]) -> None:
        """Send a notice. Raises ChannelClosedError."""
        self._send({"op": op, "args": dict(args)})

    @property
    def unsent_bytes(self) -> int:
        """Return how much the other end has not taken yet: whoever tells much looks here first."""
        return self._writer.transport.get_write_buffer_size()

    async def serve(self) -> None:
        """Take frames until the other end is gone. Every waiting ``ask`` then raises ChannelClosedError."""
        try:
            while True:
                self._take(await self._frame())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except (ValueError, TypeError, KeyError, msgpack.exceptions.UnpackException) as error:
            log.error("the %s broke the framing: %s", self._peer, error)  # noqa: TRY400  # no traceback to users
        finally:
            self._close()
            await self._background.close()

    async def _frame(self) -> dict[str, Any]:
        size = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
        if size > FRAME_MAX_BYTES:
            raise ValueError(f"a frame of {size} bytes, over {FRAME_MAX_BYTES}")
        frame = msgpack.unpackb(await self._reader.readexactly(size), strict_map_key=False)
        if not isinstance(frame, dict):
            raise TypeError("a frame that is not a map")
        return frame

    def _take(self, frame: dict[str, Any]) -> None:
        if "op" not in frame:
            self._settle(frame)
        elif "id" in frame:
            self._background.start(self._answer(frame["id"], frame["op"], frame["args"]))
        else:
            self._on_tell(frame["op"], frame["args"])

    def _settle(self, frame: dict[str, Any]) -> None:
        future = self._waiting.get(frame["id"])
        if future is None or future.done():  # the asker gave up
            return
        if "error" in frame:
            future.set_exception(_error(frame["error"]))
        else:
            future.set_result(frame["ok"])

    async def _answer(self, request_id: int, op: str, args: Mapping[str, Any]) -> None:
        try:
            answer = {"id": request_id, "ok": await self._on_ask(op, args)}
        except errors.EdgeError as error:
            answer = {"id": request_id, "error": _plain_error(error)}
        except Exception as error:
            log.exception("%s failed", op)
            answer = {
                "id": request_id,
                "error": ["EdgeError", f"{op} failed: {error!r}", "See the POP's log."],
            }
        if not self._closed:
            self._send(answer)

    def _send(self, frame: Mapping[str, Any]) -> None:
        if self._closed:
            raise ChannelClosedError(f"The {self._peer} is gone", remedy="Try again.")
        # A log line's field may be anything, and text may hold half a surrogate pair, which UTF-8 has not: a line that
        # could not be sent would stop those behind it for good.
        body = msgpack.packb(frame, default=str, unicode_errors="backslashreplace")
        if len(body) > FRAME_MAX_BYTES:
            raise errors.EdgeError(
                f"A message of {len(body)} bytes is over the control channel's {FRAME_MAX_BYTES}",
                remedy="Send less at once.",
            )
        self._writer.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)

    def _close(self) -> None:
        self._closed = True
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ChannelClosedError(f"The {self._peer} is gone", remedy="Try again."))


def _plain_error(error: errors.EdgeError) -> list[str]:
    return [type(error).__name__, str(error), error.remedy]


def _error(plain: Any) -> errors.EdgeError:
    name, message, remedy = (str(part) for part in plain)
    known = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, errors.EdgeError):
        return known(message, remedy=remedy)
    return errors.EdgeError(message, remedy=remedy)
