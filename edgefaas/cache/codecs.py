"""Content codings on this machine: gzip always, br and zstd where their wheels are installed.

Coding takes a processor's time, so it runs in threads (the codecs let go of the interpreter's lock). Coded
forms are made once for each stored response, behind the answer that first wanted them.
"""

import asyncio
import importlib
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

from edgefaas.cache.compression import PREFERENCE, coded_form
from edgefaas.cache.memory import MemoryStore
from edgefaas.cache.stored import StoredResponse

GZIP_LEVEL = 6
BROTLI_QUALITY = 5  # of 11: a quarter of the time of 9 for 5 % more octets (400 kB of source text)
ZSTD_LEVEL = 6  # as small as br 5 in two thirds of its time, same text
_GZIP_WINDOW = 31
THREAD_MIN_BYTES = 16_384  # below, coding is quicker than the way into a thread and back


class Encoder(Protocol):
    """An incremental encoder: feed octets, then finish."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be sent of ``chunk`` and what came before; flushed, so nothing is held back."""
        ...

    def finish(self) -> bytes:
        """Return the rest."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._coder = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def feed(self, chunk: bytes) -> bytes:
        return self._coder.compress(chunk) + self._coder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._coder.flush()


class _Brotli:
    def __init__(self) -> None:
        self._coder = _brotli.Compressor(quality=BROTLI_QUALITY)

    def feed(self, chunk: bytes) -> bytes:
        return bytes(self._coder.process(chunk) + self._coder.flush())

    def finish(self) -> bytes:
        return bytes(self._coder.finish())


class _Zstd:
    def __init__(self) -> None:
        self._coder = _zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()

    def feed(self, chunk: bytes) -> bytes:
        return bytes(self._coder.compress(chunk) + self._coder.flush(_zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def finish(self) -> bytes:
        return bytes(self._coder.flush())


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_brotli = _module("brotli")
_zstandard = _module("zstandard")
_ENCODERS: dict[str, Callable[[], Encoder]] = {"gzip": _Gzip}
if _brotli is not None:
    _ENCODERS["br"] = _Brotli
if _zstandard is not None:
    _ENCODERS["zstd"] = _Zstd

AVAILABLE: tuple[str, ...] = tuple(coding for coding in PREFERENCE if coding in _ENCODERS)
"""The codings this process can make, in order of preference."""


def encode(coding: str, body: bytes) -> bytes:
    """Return ``body`` in ``coding``, one of ``AVAILABLE``. The same octets for the same input."""
    if coding == "br":
        return bytes(_brotli.compress(body, quality=BROTLI_QUALITY))
    if coding == "zstd":
        return bytes(_zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body))
    coder = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return coder.compress(body) + coder.flush()


async def encode_stream(coding: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Code a body while it passes; every chunk is flushed, so a slow origin's viewers wait for nothing."""
    encoder = _ENCODERS[coding]()
    async for chunk in chunks:
        small = len(chunk) < THREAD_MIN_BYTES
        coded = encoder.feed(chunk) if small else await asyncio.to_thread(encoder.feed, chunk)
        if coded:
            yield coded
    yield encoder.finish()


class FormMaker:
    """Makes coded forms of stored responses in the background, each once, and puts them into the store.

    ``start`` starts a task that shutdown awaits. At most ``pending_max`` are made at a time; more are
    dropped, and asked for again by the next viewer.
    """

    def __init__(
        self,
        store: MemoryStore,
        start: Callable[[Coroutine[Any, Any, None]], object],
        *,
        pending_max: int = 64,
    ) -> None:
        self._store = store
        self._start = start
        self._pending_max = pending_max
        self._pending: set[tuple[int, str]] = set()

    def want(self, stored: StoredResponse, coding: str) -> None:
        """Have ``stored`` made in ``coding``, unless that is under way."""
        ticket = (id(stored), coding)
        if ticket in self._pending or len(self._pending) >= self._pending_max:
            return
        if not self._store.hold(stored):  # it was dropped meanwhile, or may not be stored at all
            return
        self._pending.add(ticket)
        self._start(self._make(stored, coding, ticket))

    async def _make(self, stored: StoredResponse, coding: str, ticket: tuple[int, str]) -> None:
        try:
            form = await asyncio.to_thread(_form, stored, coding)
            self._store.add_form(stored, coding, form)
        finally:
            self._pending.discard(ticket)


def _form(stored: StoredResponse, coding: str) -> StoredResponse:
    body = stored.body if isinstance(stored.body, bytes) else stored.body.path.read_bytes()
    return coded_form(stored, coding, encode(coding, body))
