"""Take the octets of one request's body off the connection and pass them to whoever reads it.

No sockets: the protocol feeds what arrives and acts on what is told. Sources: RFC 9112, 6.3 (length) and 7.1
(chunked); RFC 9110, 10.1.1 (100-continue).
"""

from collections.abc import Callable

from edgefaas.errors import RequestError
from edgefaas.wire.chunks import ChunkedDecoder
from edgefaas.wire.grammar import FramingError
from edgefaas.wire.heads import Facts, bad_request
from edgefaas.wire.incoming import IncomingBody

DISCARD_LIMIT_BYTES = 256 * 1024  # of a body nobody wants; beyond, closing the connection is cheaper


class BodyReceiver:
    """The body of one request while it arrives; ``incoming`` is its reader's end."""

    __slots__ = ("_decoder", "_left", "_limit_bytes", "_progress_bytes", "done", "incoming")

    def __init__(
        self,
        facts: Facts,
        limit_bytes: int,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        on_first_read: Callable[[], None] | None,
    ) -> None:
        """Expect the body that ``facts`` announce. Raises RequestError (413) when it is longer than allowed."""
        self._limit_bytes = limit_bytes
        if facts.length > limit_bytes:
            raise self._too_large()
        self.incoming = IncomingBody(pause=pause, resume=resume, on_first_read=on_first_read)
        self.done = False
        self._decoder = ChunkedDecoder() if facts.chunked else None
        self._left = max(0, facts.length)
        self._progress_bytes = 0

    @property
    def hopeless(self) -> bool:
        """Return whether the rest is not worth waiting for once the answer is out.

        It may never come (the viewer waits for a ``100 Continue``), or it is too long to be dropped.
        """
        too_long = self._decoder is None and self._left > DISCARD_LIMIT_BYTES
        return self.incoming.awaits_continue or too_long

    def feed(self, data: bytes) -> bytes:
        """Take octets; return those behind the body.

        Raises:
            RequestError: not a body, or too long; the reader has been told, the rest is not to be trusted.
        """
        try:
            if self._decoder is not None:
                pieces, used = self._decoder.feed(data)
                self.done = self._decoder.done
            else:
                piece = data[: self._left]
                self._left -= len(piece)
                pieces, used, self.done = [piece], len(piece), not self._left
        except FramingError as error:
            raise self._broken(bad_request(f"In the body, {error}.")) from error
        for piece in pieces:
            self.incoming.push(piece)
        if self.incoming.length_bytes > self._limit_bytes:
            raise self._broken(self._too_large())
        self._progress_bytes += used
        if self.done:
            self.incoming.finish()
        return data[used:]

    def progressed(self, step_bytes: int) -> bool:
        """Return whether at least ``step_bytes`` came since this was last true."""
        if self._progress_bytes < step_bytes:
            return False
        self._progress_bytes = 0
        return True

    def _broken(self, error: RequestError) -> RequestError:
        self.done = False
        self.incoming.discard()
        self.incoming.fail(error)
        return error

    def _too_large(self) -> RequestError:
        return RequestError(
            f"The body is longer than {self._limit_bytes} bytes.",
            remedy="Send a smaller body.",
            status_code=413,
        )
