"""The chunked transfer coding (RFC 9112, 7.1): a strict incremental decoder, and the encoder.

Pure. Extensions are checked and ignored, trailers are checked and dropped; both are bounded.
"""

import re
from collections.abc import Callable

from edgefaas.wire.grammar import FIELD_SECTION, VALUE_CLASS, FramingError

LINE_LIMIT_BYTES = 4096
OVERHEAD_LIMIT_BYTES = 16 * 1024
TRAILER_LIMIT_BYTES = 16 * 1024
LAST_CHUNK = b"0\r\n\r\n"

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;" + VALUE_CLASS + rb"*+)?\r\n")
_TRAILERS = re.compile(FIELD_SECTION + rb"\r\n")


def encode_chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk. ``data`` must not be empty: an empty chunk ends the body."""
    assert data
    return b"%x\r\n%b\r\n" % (len(data), data)


class ChunkedDecoder:
    """Takes the octets of a chunked body piece by piece.

    ``feed`` returns the payload found and how many octets of the piece belong to the body; ``done`` says
    that the body ended there.
    """

    __slots__ = ("_left", "_line", "_overhead", "_step", "done")

    def __init__(self) -> None:
        self.done = False
        self._left = 0  # octets of the current chunk still to come
        self._line = b""  # an incomplete size line, CRLF or trailer section
        self._overhead = 0  # octets of extensions, over the whole body
        self._step: Callable[[bytes, int, list[bytes]], int] = self._size_line

    def feed(self, data: bytes) -> tuple[list[bytes], int]:
        """Return the pieces of payload and the count of octets consumed.

        Raises:
            FramingError: not chunked coding, or over a limit.
        """
        payload: list[bytes] = []
        held = len(self._line)
        buffer = self._line + data if held else data
        self._line = b""
        position = 0
        while not self.done:
            after = self._step(buffer, position, payload)
            if after < 0:
                self._line = buffer[position:]
                return payload, len(data)
            position = after
        return payload, position - held

    def _size_line(self, buffer: bytes, position: int, _payload: list[bytes]) -> int:
        match = _SIZE_LINE.match(buffer, position)
        if match is None:
            end = buffer.find(b"\n", position)
            if end >= 0 or len(buffer) - position > LINE_LIMIT_BYTES:
                raise FramingError("a chunk size is malformed")
            if position < len(buffer) and buffer[position] not in b"0123456789abcdefABCDEF":
                raise FramingError("a chunk size is malformed")
            return -1
        self._overhead += match.end() - position - len(match[1]) - 2
        if self._overhead > OVERHEAD_LIMIT_BYTES:
            raise FramingError(f"chunk extensions are longer than {OVERHEAD_LIMIT_BYTES} bytes")
        self._left = int(match[1], 16)
        self._step = self._data if self._left else self._trailers
        return match.end()

    def _data(self, buffer: bytes, position: int, payload: list[bytes]) -> int:
        piece = buffer[position : position + self._left]
        if not piece:
            return -1
        payload.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._step = self._data_end
        return position + len(piece)

    def _data_end(self, buffer: bytes, position: int, _payload: list[bytes]) -> int:
        end = buffer[position : position + 2]
        if end == b"\r\n":
            self._step = self._size_line
            return position + 2
        if end in (b"", b"\r"):
            return -1
        raise FramingError("a chunk is longer than its size")

    def _trailers(self, buffer: bytes, position: int, _payload: list[bytes]) -> int:
        match = _TRAILERS.match(buffer, position)
        if match is None:
            over = len(buffer) - position > TRAILER_LIMIT_BYTES
            complete = buffer.find(b"\r\n\r\n", position) >= 0 or buffer[position : position + 2] == b"\r\n"
            if over or complete or b"\n" in buffer[position:].replace(b"\r\n", b""):
                raise FramingError("the trailer section is malformed or too long")
            return -1
        if match.end() - position > TRAILER_LIMIT_BYTES:
            raise FramingError(f"the trailer section is longer than {TRAILER_LIMIT_BYTES} bytes")
        self.done = True
        return match.end()
