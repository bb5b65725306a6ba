"""Which behaviour a path falls under. Pure.

Patterns are CloudFront's: ``*`` is any run of characters including ``/``, ``?`` is one character, case
matters, a leading ``/`` is optional, the query is not looked at; the first match of the list wins.
"""

import re

from edgefaas.site import Behaviour

MEMO_MAX = 8_192
"""Paths whose behaviour is remembered, so that a hit costs the same with one behaviour or a thousand."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression that matches exactly the paths of ``pattern``.

    Runs of ``*`` are one ``*``, and each is matched lazily up to the next literal, so that no pattern takes
    more than linear backtracking per star.
    """
    if pattern != "*" and not pattern.startswith(("/", "*")):
        pattern = "/" + pattern
    parts = re.split(r"(\*+|\?)", pattern)
    translated = "".join(
        ".*?" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts
    )
    return re.compile(translated + r"\Z", re.DOTALL)


class Routes:
    """The behaviours of a site, asked by path."""

    def __init__(self, behaviours: tuple[Behaviour, ...]) -> None:
        self._behaviours = [(compile_pattern(b.pattern), b) for b in behaviours]
        self._memo: dict[str, Behaviour | None] = {}

    def match(self, path: str) -> Behaviour | None:
        """Return the first behaviour whose pattern covers ``path`` (raw, without the query), or None."""
        try:
            return self._memo[path]
        except KeyError:
            pass
        found = next((b for regex, b in self._behaviours if regex.match(path)), None)
        if len(self._memo) >= MEMO_MAX:
            self._memo.clear()
        self._memo[path] = found
        return found
