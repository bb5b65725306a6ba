"""Compression for JavaScript, in steps of at most 64 kB of input and output, so that none holds the loop long.

A request is JSON, a zero byte, and data. What the author did wrong is HostCallError, ``ZLIB_CODE: message``.
"""

import base64
import json
import zlib
from functools import partial
from importlib import import_module
from typing import Any

from sandbox.contract import HostCallError
from sandbox.errands import Errand

STEP_BYTES = 65_536
STREAMS_MAX = 64
PACKED_AT_ONCE_BYTES = (
    16 * 1024
)  # packing 64 kB takes up to some milliseconds: what is more is done in a thread
_REST_BYTES_MAX = 4 * STEP_BYTES
# Brotli's best qualities take 40 ms for 64 kB, and 10 ms for a little: they are for what is small, in a thread.
BROTLI_BEST_BYTES = 8_192
BROTLI_QUALITY_MAX = 6
BROTLI_WINDOW_BITS, BROTLI_BLOCK_BITS = 22, 16
_REQUEST_BYTES_MAX = 512 * 1024  # crc32's pieces are the longest
_HEAD_BYTES_MAX = 64 * 1024  # with a dictionary of 32 kB
_GZIP_MAGIC = b"\x1f\x8b"
_RAW, _GZIP, _ZLIB, _EITHER = -1, 16, 0, 32
_MODES = {
    "deflate": (True, _ZLIB), "gzip": (True, _GZIP), "deflateRaw": (True, _RAW),
    "inflate": (False, _ZLIB), "gunzip": (False, _GZIP), "inflateRaw": (False, _RAW), "unzip": (False, _EITHER),
}  # fmt: skip


class _Stream:
    """One compressor or decompressor, and what it has still to be given or to give."""

    slow = False

    def __init__(self, options: dict[str, Any]) -> None:
        self.packing, variant = _MODES[options["mode"]]
        bits = options["windowBits"] or zlib.MAX_WBITS
        if not isinstance(bits, int) or not 8 <= bits <= zlib.MAX_WBITS:  # noqa: PLR2004  # RFC 1950, CINFO
            raise HostCallError("ERR_OUT_OF_RANGE: windowBits must be 8..15")
        wbits = -bits if variant == _RAW else bits + variant
        level = options["level"]
        if not isinstance(level, int) or not -1 <= level <= 9:  # noqa: PLR2004
            raise HostCallError("ERR_OUT_OF_RANGE: level must be -1..9")
        words = base64.b64decode(options["dictionary"]) if options["dictionary"] else b""
        self.gunzip = variant == _GZIP and not self.packing
        self._wbits = wbits
        if self.packing:
            self._packer = (
                zlib.compressobj(level, zlib.DEFLATED, wbits, 8, 0, words)
                if words
                else zlib.compressobj(level, zlib.DEFLATED, wbits)
            )
        else:
            self._words = words
            self._unpacker = zlib.decompressobj(wbits, words) if words else zlib.decompressobj(wbits)
        self._ready = b""
        self._rest = b""
        self._ended = False

    def step(self, data: bytes, *, last: bool) -> bytes:
        """Return a byte that says whether there is more, and the output of this step."""
        out = self._pack(data, last=last) if self.packing else self._unpack(data, last=last)
        self._ready = out[STEP_BYTES:]
        more = bool(self._ready) or (not self.packing and bool(self._rest))
        return (b"\1" if more else b"\0") + out[:STEP_BYTES]

    def _pack(self, data: bytes, *, last: bool) -> bytes:
        out = self._ready
        if data:
            out += self._packer.compress(data)
        if last and not self._ended and not (self._ready and not data):
            self._ended = True
            out += self._packer.flush()
        return out

    def _unpack(self, data: bytes, *, last: bool) -> bytes:
        pending = self._rest + data
        if len(pending) > _REST_BYTES_MAX:  # the library asks for all there is before it gives more
            raise HostCallError("Z_BUF_ERROR: too much input waits")
        self._rest = b""
        try:
            if self._unpacker.eof:
                if not (self.gunzip and pending[:2] == _GZIP_MAGIC):
                    return b""  # what follows the end is not ours, as in Node
                self._unpacker = zlib.decompressobj(self._wbits)  # RFC 1952, 2.2: members follow one another
            out = self._unpacker.decompress(pending, STEP_BYTES)
        except zlib.error as error:
            raise HostCallError(f"Z_DATA_ERROR: {str(error).rpartition(': ')[2]}") from error
        self._rest = self._unpacker.unconsumed_tail
        ended: bool = self._unpacker.eof
        if ended and self.gunzip and self._unpacker.unused_data[:2] == _GZIP_MAGIC:
            self._rest = self._unpacker.unused_data
        if last and not ended and not self._rest and len(out) < STEP_BYTES:
            raise HostCallError("Z_BUF_ERROR: unexpected end of file")
        return out


class _Brotli:
    """Brotli, one way, with the steps of ``_Stream``."""

    def __init__(self, options: dict[str, Any]) -> None:
        library = import_module("brotli")
        self._error = library.error
        self.packing = options["mode"] == "brotli"
        self._small = self.slow = False
        if self.packing:
            quality, size = options["quality"], options["size"]
            if not isinstance(quality, int) or not 0 <= quality <= 11:  # noqa: PLR2004  # RFC 7932's encoder
                raise HostCallError("ERR_OUT_OF_RANGE: BROTLI_PARAM_QUALITY must be 0..11")
            self._small = isinstance(size, int) and size <= BROTLI_BEST_BYTES
            little = isinstance(size, int) and size <= PACKED_AT_ONCE_BYTES
            self.slow = not little or (self._small and quality > BROTLI_QUALITY_MAX)
            if not self._small:
                quality = min(quality, BROTLI_QUALITY_MAX)
            self._packer: Any = library.Compressor(
                quality=quality, lgwin=BROTLI_WINDOW_BITS, lgblock=BROTLI_BLOCK_BITS
            )
        else:
            self._unpacker: Any = library.Decompressor()
        self._ready = b""
        self._ended = False

    def step(self, data: bytes, *, last: bool) -> bytes:
        """Return a byte that says whether there is more, and the output of this step."""
        made = self._pack(data, last=last) if self.packing else self._unpack(data, last=last)
        out = self._ready + made
        self._ready = out[STEP_BYTES:]
        # A decompressor that took all of its input may still have output: it has none when it gives none.
        more = bool(self._ready) or (not self.packing and bool(out) and not self._unpacker.is_finished())
        return (b"\1" if more else b"\0") + out[:STEP_BYTES]

    def _pack(self, data: bytes, *, last: bool) -> bytes:
        if self._ended:
            return b""
        if self._small and (not last or len(data) > BROTLI_BEST_BYTES):  # the library gives it in one piece
            raise HostCallError("ERR_OUT_OF_RANGE: more input than was declared")
        out: bytes = self._packer.process(data)
        if last:
            self._ended = True
            out += self._packer.finish()
        return out

    def _unpack(self, data: bytes, *, last: bool) -> bytes:
        if self._ready or self._unpacker.is_finished():
            return b""  # what follows the end is not ours, as in Node
        try:
            out: bytes = self._unpacker.process(data, output_buffer_limit=STEP_BYTES)
        except self._error as error:
            raise HostCallError("ERR__ERROR_FORMAT_PADDING_1: Decompression failed") from error
        if last and not out and not self._unpacker.is_finished():
            raise HostCallError("Z_BUF_ERROR: unexpected end of file")
        return out


def perform(name: str, payload: bytes, streams: dict[int, object]) -> bytes | Errand:
    """Do the operation ``zlib.…``; ``streams`` are those of one invocation.

    What takes long is returned to be done elsewhere. Raises HostCallError.
    """
    if len(payload) > _REQUEST_BYTES_MAX:
        raise HostCallError(f"ERR_OUT_OF_RANGE: {len(payload)} bytes at once, at most {_REQUEST_BYTES_MAX}")
    head, _, data = payload.partition(b"\0")
    if len(head) > _HEAD_BYTES_MAX:
        raise HostCallError(f"ERR_OUT_OF_RANGE: options of {len(head)} bytes, at most {_HEAD_BYTES_MAX}")
    options = json.loads(head)
    if name == "zlib.crc32":
        return str(zlib.crc32(data, options["value"])).encode()
    if name == "zlib.open":
        if len(streams) >= STREAMS_MAX:
            raise HostCallError(f"ERR_OUT_OF_RANGE: more than {STREAMS_MAX} compression streams are open")
        number = max(streams, default=0) + 1
        try:
            streams[number] = (_Brotli if "rotli" in options["mode"] else _Stream)(options)
        except ValueError as error:
            raise HostCallError(f"ERR_OUT_OF_RANGE: {error}") from error
        return str(number).encode()
    stream = streams.get(options["handle"])
    if name == "zlib.close":
        streams.pop(options["handle"], None)
        return b""
    if not isinstance(stream, (_Stream, _Brotli)) or len(data) > STEP_BYTES:
        raise HostCallError("Z_STREAM_ERROR: the stream is closed")
    if stream.packing and (stream.slow or len(data) > PACKED_AT_ONCE_BYTES):
        return Errand(partial(stream.step, data, last=bool(options["last"])))
    return stream.step(data, last=bool(options["last"]))
