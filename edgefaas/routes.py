"""Which behaviour a path falls under. Pure.

Patterns are CloudFront's: ``*`` is any run of characters including ``/``, ``?`` is one character, case
matters, a leading ``/`` is optional, the query is not looked at; the first match of the list wins.

Matched is what the path means, not how it is spelt: an origin takes ``/%70rivate``, ``//private`` and
``/x/../private`` for ``/private``, so they must not come in under a behaviour that asks for less. Functions, cache and
origin see the path as sent. Sources: RFC 3986, 5.2.4 and 6.2.2; "Path normalization" (CloudFront developer guide).
"""

import re
from collections.abc import Iterator
from operator import itemgetter
from urllib.parse import quote

from edgefaas.errors import RequestError
from edgefaas.site import Behaviour

MEMO_MAX = 8_192
"""Paths whose behaviour is remembered; any other meets only the patterns that begin or end as it does."""
MEMO_CHARS_MAX = 1_024  # of a path that is remembered

_ODD = re.compile(r"%|//|/\.|\\")  # without any of these a path means what it says
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_KEPT = frozenset(b"%?*#")  # whose plain form means something else, in a path or in a pattern
_SLASHES = re.compile(r"[/\\]+")
_VISIBLE = range(0x21, 0x7F)
_DOTS = (".", "..")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression that matches exactly the meanings (``meaning``) of ``pattern``'s paths.

    What stands between two stars is taken where it is first found, for good (an atomic group): whatever the rest could
    match behind a later place it can match behind the first. So no path takes more than one walk for each star; with
    backtracking, a path of some kilobytes held the worker for minutes under a pattern of four.
    """
    between = [""]
    for part in _parts(pattern):
        if part.startswith("*"):
            between.append("")
        else:
            between[-1] += "." if part == "?" else re.escape(part)
    first, *others = between
    walks = [f".*?{other}" for other in others]
    translated = first + "".join(f"(?>{walk})" for walk in walks[:-1]) + "".join(walks[-1:])
    return re.compile(translated + r"\Z", re.DOTALL)


def _parts(pattern: str) -> list[str]:
    """Return literals and wildcards by turns, the first and the last a literal, perhaps an empty one."""
    if pattern != "*" and not pattern.startswith(("/", "*")):
        pattern = "/" + pattern
    if not pattern.isascii():
        pattern = quote(pattern, safe="".join(map(chr, _VISIBLE)))
    return re.split(r"(\*+|\?)", _SLASHES.sub("/", _decoded(pattern)))


def meaning(path: str) -> str:
    """Return what a raw path means: visible ASCII decoded, slashes merged, dot segments resolved.

    Encoded slashes and backslashes count as slashes, as many origins take them. Raises RequestError (400) where
    one of those stands next to a dot segment: then no two servers agree on where the path leads.
    """
    if not _ODD.search(path):
        return path
    plain = _decoded(path)
    if _slashed(plain) != _slashed(_decoded(path, kept=_KEPT | frozenset(b"/\\"))) and _has_dots(plain):
        raise RequestError(
            f"the path {path} hides a dot segment behind an encoded slash",
            remedy="Send the path without dot segments.",
        )
    resolved: list[str] = []
    parts = _SLASHES.split(plain)
    for part in parts[1:]:
        if part == "..":
            del resolved[-1:]
        elif part != ".":
            resolved.append(part)
    if parts[-1] in _DOTS:
        resolved.append("")
    return "/" + "/".join(resolved)


def _decoded(text: str, kept: frozenset[int] = _KEPT) -> str:
    def one(found: re.Match[str]) -> str:
        octet = int(found[1], 16)
        return chr(octet) if octet in _VISIBLE and octet not in kept else found[0].upper()

    return _ENCODED.sub(one, text)


def _slashed(path: str) -> int:
    return path.count("/") + path.count("\\")


def _has_dots(path: str) -> bool:
    return any(part in _DOTS for part in _SLASHES.split(path))


_Entry = tuple[int, re.Pattern[str], Behaviour]


class _Ends:
    """Behaviours by the literal that their paths begin with, or end with: a path meets only those of its own."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        self._lengths: list[int] = []

    def add(self, literal: str, entry: _Entry) -> None:
        self._entries.setdefault(literal, []).append(entry)
        self._lengths = sorted({*self._lengths, len(literal)})

    def beginning(self, path: str) -> Iterator[_Entry]:
        for length in self._lengths:
            yield from self._entries.get(path[:length], ())

    def ending(self, path: str) -> Iterator[_Entry]:
        for length in self._lengths:
            yield from self._entries.get(path[-length:], ())


class Routes:
    """The behaviours of a site, asked by path."""

    def __init__(self, behaviours: tuple[Behaviour, ...]) -> None:
        self._begin, self._end = _Ends(), _Ends()
        self._rest: list[_Entry] = []
        for at, behaviour in enumerate(behaviours):
            entry = (at, compile_pattern(behaviour.pattern), behaviour)
            parts = _parts(behaviour.pattern)
            first, last = parts[0], parts[-1]
            if not first and not last:
                self._rest.append(entry)
            elif len(first) >= len(last):
                self._begin.add(first, entry)
            else:
                self._end.add(last, entry)
        self._memo: dict[str, Behaviour | None] = {}

    def match(self, path: str) -> Behaviour | None:
        """Return the first behaviour whose pattern covers ``path`` (raw, without the query), or None.

        Raises RequestError (400) for a path that no two servers read alike; see ``meaning``.
        """
        try:
            return self._memo[path]
        except KeyError:
            pass
        found = self._first(meaning(path))
        if len(path) <= MEMO_CHARS_MAX:
            if len(self._memo) >= MEMO_MAX:
                self._memo.clear()
            self._memo[path] = found
        return found

    def _first(self, plain: str) -> Behaviour | None:
        entries = [*self._begin.beginning(plain), *self._end.ending(plain), *self._rest]
        entries.sort(key=itemgetter(0))
        return next((behaviour for _, regex, behaviour in entries if regex.match(plain)), None)
