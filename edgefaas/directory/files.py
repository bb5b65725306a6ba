"""Answer requests from a folder: the file that is meant, in the form the viewer takes, and the part asked for.

``DirectoryFiles`` is a shell; which octets of which representation are sent is decided by pure functions, shared
with the cache. Sources: RFC 9110, 8.8 (validators), 13 (preconditions), 14 (ranges), 15.5.6 (405).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgefaas.cache.conditional import Condition, evaluate, range_applies
from edgefaas.cache.dates import format_http_date
from edgefaas.cache.ranges import ByteRange, Unsatisfiable, boundary, parse_range
from edgefaas.directory.encodings import SUFFIXES, acceptable
from edgefaas.directory.naming import is_immutable, media_type
from edgefaas.directory.opened import Digests, FileBody, FileFacts, OpenFile, Segment, open_inside
from edgefaas.directory.paths import segments_of
from edgefaas.errors import ConfigError
from edgefaas.message import Headers, Request, Response
from edgefaas.site import DirectoryOrigin

SMALL_BYTES = 256 * 1024  # up to here a body is complete bytes, above it streams
DIGEST_AT_ONCE_BYTES = 64 * 1024 * 1024  # above, hashing (1 s per GB) happens behind the first answer

IMMUTABLE = "public, max-age=31536000, immutable"
CHANGEABLE = "public, max-age=0, must-revalidate"
# Shared caches (this POP's) may answer on their own for this long, so a changed file shows up within seconds.
CHANGEABLE_SHARED = "max-age=2"


@dataclass(frozen=True, slots=True)
class Representation:
    """One form of one file, open or (when small) in memory."""

    name: str  # decides on the media type
    facts: FileFacts
    etag: str | None
    coding: str | None
    varies: bool
    content: bytes | None
    opened: OpenFile | None


class DirectoryFiles:
    """The files of one directory origin."""

    def __init__(
        self,
        origin: DirectoryOrigin,
        *,
        also: Sequence[Path] = (),
        before: Sequence[Path] = (),
        digests: Digests | None = None,
        wall_s: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    ) -> None:
        """Serve the folder of ``origin``. Raises ConfigError when there is none.

        A file that is not in it is looked for in the folders ``also``, and, where its name carries a content hash, in
        those ``before``.
        """
        if not origin.directory.is_dir():
            raise ConfigError(
                f"The directory {origin.directory} of origin {origin.name!r} is not a folder",
                remedy="Create it, or correct the origin's directory.",
            )
        self._origin = origin
        self._root = origin.directory.resolve()
        self._wall_s = wall_s
        self._also = [folder.resolve() for folder in also]
        self._before = [folder.resolve() for folder in before]
        self.digests = digests or Digests()
        self._hashing: asyncio.Future[None] | None = None

    async def fetch(self, request: Request) -> Response:
        """Return the answer: 200, 206, 301, 304, 404, 405, 412 or 416. Never raises for what was asked."""
        if request.method == "OPTIONS":
            return Response(status=204, headers=Headers([("Allow", "GET, HEAD, OPTIONS")]))
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "Method Not Allowed", [("Allow", "GET, HEAD, OPTIONS")])
        segments = segments_of(request.path)
        if segments is None:
            return _plain(404, "Not Found")
        codings = [] if "range" in request.headers else acceptable(request.headers.get("accept-encoding"))
        found = await asyncio.to_thread(
            self._find, segments, codings, navigates=_navigates(request, segments)
        )
        if found is None:
            return _plain(404, "Not Found")
        if isinstance(found, FileFacts):
            query = f"?{request.query}" if request.query else ""
            return _plain(301, "Moved Permanently", [("Location", f"{request.path}/{query}")])
        if found.etag is None and found.opened is not None:
            self._hash_behind(found.opened)
        return answer(request, found, now_s=self._wall_s())

    async def lacks(self, path: str) -> bool:
        """Say whether this folder has not what another version had under that path.

        A name with a content hash is never missed: a new version gives it up on purpose, and it stays reachable.
        """
        segments = segments_of(path)
        if segments is None:
            return False
        wanted = (*segments[:-1], segments[-1] or self._origin.index)
        if is_immutable(wanted[-1]):
            return False
        return await asyncio.to_thread(self._only_elsewhere, wanted)

    # -- what follows runs in a thread -------------------------------------------------------------------

    def _only_elsewhere(self, wanted: tuple[str, ...]) -> bool:
        return not _is_file(self._root, wanted) and any(
            _is_file(root, wanted) for root in (*self._also, *self._before)
        )

    def _find(
        self, segments: tuple[str, ...], codings: list[str], *, navigates: bool
    ) -> Representation | FileFacts | None:
        wanted = (*segments[:-1], segments[-1] or self._origin.index)
        root, opened = self._root, open_inside(self._root, wanted)
        if opened is None:
            root, opened = self._elsewhere(wanted)
        if isinstance(opened, FileFacts):
            if segments[-1] and isinstance(open_inside(self._root, (*wanted, self._origin.index)), OpenFile):
                return opened
            opened = None
        if opened is None and self._origin.fallback is not None and navigates:
            wanted = tuple(self._origin.fallback.strip("/").split("/"))
            root, opened = self._root, open_inside(self._root, wanted)
        if not isinstance(opened, OpenFile):
            return None
        return self._represent(root, wanted, opened, codings)

    def _elsewhere(self, wanted: tuple[str, ...]) -> tuple[Path, OpenFile | None]:
        """Return a file that only another version has, and that version's root."""
        for root in (*self._also, *(self._before if is_immutable(wanted[-1]) else ())):
            opened = open_inside(root, wanted)
            if isinstance(opened, OpenFile):
                return root, opened
        return self._root, None

    def _represent(
        self, root: Path, wanted: tuple[str, ...], opened: OpenFile, codings: list[str]
    ) -> Representation:
        """Choose among the file and its precompressed siblings; a sibling older than the file is out of date."""
        siblings: dict[str, OpenFile] = {}
        for coding, suffix in SUFFIXES.items():
            sibling = open_inside(root, (*wanted[:-1], wanted[-1] + suffix))
            if isinstance(sibling, OpenFile) and sibling.facts.identity[3] >= opened.facts.identity[3]:
                siblings[coding] = sibling
        chosen = next((coding for coding in codings if coding in siblings), None)
        if chosen is not None:
            siblings[chosen], opened = opened, siblings[chosen]
        for unused in siblings.values():
            unused.close()
        return self._load(wanted[-1], opened, chosen, varies=bool(siblings))

    def _load(self, name: str, opened: OpenFile, coding: str | None, *, varies: bool) -> Representation:
        facts = opened.facts
        digest = self.digests.known(facts.identity)
        if digest is None and facts.size <= DIGEST_AT_ONCE_BYTES:
            digest = self.digests.compute(opened)
        content = opened.read(0, facts.size) if facts.size <= SMALL_BYTES else None
        if content is not None:
            opened.close()
        return Representation(
            name=name,
            facts=facts,
            etag=f'"{digest}"' if digest is not None else None,
            coding=coding,
            varies=varies,
            content=content,
            opened=None if content is not None else opened,
        )

    # -- on the loop again ---------------------------------------------------------------------------------

    def _hash_behind(self, opened: OpenFile) -> None:
        """Compute the entity tag of a large file for the requests to come, one file at a time."""
        if self._hashing is None or self._hashing.done():
            self._hashing = asyncio.ensure_future(asyncio.to_thread(self._try_hash, opened.duplicate()))

    def _try_hash(self, opened: OpenFile) -> None:
        try:
            self.digests.compute(opened)
        except OSError:  # it changed meanwhile; its next form has another identity
            pass
        finally:
            opened.close()


def _is_file(root: Path, wanted: tuple[str, ...]) -> bool:
    opened = open_inside(root, wanted)
    if isinstance(opened, OpenFile):
        opened.close()
        return True
    return False


def _navigates(request: Request, segments: tuple[str, ...]) -> bool:
    """Return whether an unknown path is a page of an application, and not a missing image or script."""
    return "." not in segments[-1] or "text/html" in (request.headers.get("accept") or "")


def answer(request: Request, found: Representation, *, now_s: float) -> Response:
    """Return the answer to a GET or HEAD for ``found``: conditions first, then ranges (RFC 9110, 13.2.2)."""
    headers = _fields(found)
    condition = evaluate(
        request.method, request.headers, etag=found.etag, last_modified_s=found.facts.modified_s
    )
    if condition is Condition.NOT_MODIFIED:
        _let_go(found)
        headers.remove("content-type", "content-encoding")
        return Response(status=304, headers=headers)
    if condition is Condition.FAILED:
        _let_go(found)
        return _plain(412, "Precondition Failed")
    wanted = request.headers.get("range") if request.method == "GET" else None
    if wanted is not None and range_applies(
        request.headers, etag=found.etag, last_modified_s=found.facts.modified_s, date_s=int(now_s)
    ):
        ranges = parse_range(wanted, found.facts.size)
        if isinstance(ranges, Unsatisfiable):
            _let_go(found)
            return _plain(416, "Range Not Satisfiable", [("Content-Range", f"bytes */{found.facts.size}")])
        if ranges is not None:
            return _partial(found, headers, ranges)
    headers.add("Content-Length", str(found.facts.size))
    if request.method == "HEAD":
        _let_go(found)
        return Response(status=200, headers=headers)
    return Response(status=200, headers=headers, body=_body(found, [(0, found.facts.size)]))


def _fields(found: Representation) -> Headers:
    headers = Headers([("Content-Type", media_type(found.name))])
    if found.coding is not None:
        headers.add("Content-Encoding", found.coding)
    if found.varies:
        headers.add("Vary", "Accept-Encoding")
    if found.etag is not None:
        headers.add("ETag", found.etag)
    headers.add("Last-Modified", format_http_date(found.facts.modified_s))
    headers.add("Accept-Ranges", "bytes")
    if is_immutable(found.name):
        headers.add("Cache-Control", IMMUTABLE)
    else:
        headers.add("Cache-Control", CHANGEABLE)
        headers.add("CDN-Cache-Control", CHANGEABLE_SHARED)
    return headers


def _partial(found: Representation, headers: Headers, ranges: list[ByteRange]) -> Response:
    size = found.facts.size
    if len(ranges) == 1:
        piece = ranges[0]
        headers.add("Content-Range", f"bytes {piece.first}-{piece.last}/{size}")
        headers.add("Content-Length", str(piece.length))
        return Response(status=206, headers=headers, body=_body(found, [(piece.first, piece.length)]))
    mark = boundary(repr(found.facts.identity).encode() + (found.etag or "").encode(), ranges)
    segments: list[Segment] = []
    length = 0
    for piece in ranges:
        lead = "\r\n" if segments else ""
        part = (
            f"{lead}--{mark}\r\nContent-Type: {media_type(found.name)}\r\n"
            f"Content-Range: bytes {piece.first}-{piece.last}/{size}\r\n\r\n"
        ).encode("latin-1")
        segments += [part, (piece.first, piece.length)]
        length += len(part) + piece.length
    end = f"\r\n--{mark}--\r\n".encode("latin-1")
    headers.set("Content-Type", f"multipart/byteranges; boundary={mark}")
    headers.add("Content-Length", str(length + len(end)))
    return Response(status=206, headers=headers, body=_body(found, [*segments, end]))


def _body(found: Representation, segments: list[Segment]) -> bytes | FileBody:
    if found.content is None:
        assert found.opened is not None
        return FileBody(found.opened, segments)
    content = found.content
    return b"".join(
        segment if isinstance(segment, bytes) else content[segment[0] : segment[0] + segment[1]]
        for segment in segments
    )


def _let_go(found: Representation) -> None:
    if found.opened is not None:
        found.opened.close()


def _plain(status: int, text: str, extra: list[tuple[str, str]] | None = None) -> Response:
    headers = Headers([("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
    for name, value in extra or []:
        headers.add(name, value)
    if status == 301:  # noqa: PLR2004 # a redirect may be kept for as long as the folder may
        headers.set("Cache-Control", CHANGEABLE)
    return Response(status=status, headers=headers, body=f"{status} {text}\n".encode())
