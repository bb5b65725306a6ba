"""Which behaviour a path falls under. Pure.

Patterns are CloudFront's: ``*`` is any run of characters including ``/``, ``?`` is one character, case
matters, a leading ``/`` is optional, the query is not looked at; the first match of the list wins.

Matched is what the path means, not how it is spelt: an origin takes ``/%70rivate``, ``//private`` and
``/x/../private`` for ``/private``, so they must not come in under a behaviour that asks for less. Functions, cache and
origin see the path as sent. Sources: RFC 3986, 5.2.4 and 6.2.2; "Path normalization" (CloudFront developer guide).
"""

import re
from urllib.parse import quote

from edgefaas.errors import RequestError
from edgefaas.site import Behaviour

MEMO_MAX = 8_192
"""Paths whose behaviour is remembered, so that a hit costs the same with one behaviour or a thousand."""
MEMO_CHARS_MAX = 1_024  # of a path that is remembered

_ODD = re.compile(r"%|//|/\.|\\")  # without any of these a path means what it says
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_KEPT = frozenset(b"%?*#")  # whose plain form means something else, in a path or in a pattern
_SLASHES = re.compile(r"[/\\]+")
_VISIBLE = range(0x21, 0x7F)
_DOTS = (".", "..")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression that matches exactly the meanings (``meaning``) of ``pattern``'s paths.

    Runs of ``*`` are one ``*``, and each is matched lazily up to the next literal, so that no pattern takes
    more than linear backtracking per star.
    """
    if pattern != "*" and not pattern.startswith(("/", "*")):
        pattern = "/" + pattern
    if not pattern.isascii():
        pattern = quote(pattern, safe="".join(map(chr, _VISIBLE)))
    pattern = _SLASHES.sub("/", _decoded(pattern))
    parts = re.split(r"(\*+|\?)", pattern)
    translated = "".join(
        ".*?" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts
    )
    return re.compile(translated + r"\Z", re.DOTALL)


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


class Routes:
    """The behaviours of a site, asked by path."""

    def __init__(self, behaviours: tuple[Behaviour, ...]) -> None:
        self._behaviours = [(compile_pattern(b.pattern), b) for b in behaviours]
        self._memo: dict[str, Behaviour | None] = {}

    def match(self, path: str) -> Behaviour | None:
        """Return the first behaviour whose pattern covers ``path`` (raw, without the query), or None.

        Raises RequestError (400) for a path that no two servers read alike; see ``meaning``.
        """
        try:
            return self._memo[path]
        except KeyError:
            pass
        plain = meaning(path)
        found = next((b for regex, b in self._behaviours if regex.match(plain)), None)
        if len(path) <= MEMO_CHARS_MAX:
            if len(self._memo) >= MEMO_MAX:
                self._memo.clear()
            self._memo[path] = found
        return found
