"""One namespace read out while writers go on: a reader with a thread, a connection and a transaction of its own.

The connection is touched by that thread alone, its closing too. A reader that goes away is cancelled while a page is
still being read, and a connection that is closed under a read ends the process.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

from edgefaas.control.thread import DiskThread
from edgefaas.kv.formats import as_ndjson
from edgefaas.kv.pairfile import PairFile
from edgefaas.kv.pairs import Page

EXPORT_PAGE = 500


class Export:
    """Gives the pairs as NDJSON, all as they were at one instant. To be closed, also when nothing was read."""

    def __init__(self, path: Path, name: str, prefix: bytes, *, ended: Callable[[], None]) -> None:
        self._snapshot = _Snapshot(path, name, prefix)
        self._thread = DiskThread()
        self._ended = ended
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield some lines at a time. Raises StateError: the file is not readable."""
        after: bytes | None = b""
        while after is not None and not self._closed:
            page = await self._thread.run(self._snapshot.page, after)
            after = page.entries[-1].key if page.more else None
            yield as_ndjson((entry.key, entry.value or b"") for entry in page.entries)

    def close(self) -> None:
        """End the transaction as soon as the page under way is read. May be called again."""
        if not self._closed:
            self._closed = True
            self._thread.end_with(self._snapshot.close)
            self._ended()


class _Snapshot:
    """The file, opened at the first page; for one thread."""

    def __init__(self, path: Path, name: str, prefix: bytes) -> None:
        self._path = path
        self._name = name
        self._prefix = prefix
        self._file: PairFile | None = None
        self._open = ExitStack()

    def page(self, after: bytes) -> Page:
        if self._file is None:
            file = PairFile(self._path)
            self._open.callback(file.close)
            self._open.enter_context(file.snapshot())
            self._file = file
        return self._file.page(self._name, prefix=self._prefix, after=after, limit=EXPORT_PAGE, values=True)

    def close(self) -> None:
        self._open.close()
