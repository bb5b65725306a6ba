"""Keep secrets out of what functions say: their values become ``***`` in log lines and errors. Pure.

What is found: a value as it is, as JSON and URLs spell it, and each line of a value of several lines. What is not:
a value that was taken apart or encoded otherwise, and values under six characters, without which logs would be full
of holes. A result of a function is its own business.
"""

import json
import re
from functools import lru_cache
from urllib.parse import quote

from edgefaas.contract import LiveFunction

MASK = "***"
SHORT = 6  # characters; what is shorter is not masked


def redacted(function: LiveFunction, text: str) -> str:
    """Return a text that the function, or an error of its, says, without its secrets."""
    if not function.secrets:
        return text
    values = tuple(function.environment.get(name, "") for name in function.secrets)
    return without(text, values)


def without(text: str, values: tuple[str, ...]) -> str:
    """Return ``text`` without ``values``."""
    pattern = _pattern(values)
    return text if pattern is None else pattern.sub(MASK, text)


@lru_cache(maxsize=256)
def _pattern(values: tuple[str, ...]) -> re.Pattern[str] | None:
    forms: set[str] = set()
    for value in values:
        for part in {value, *value.splitlines()}:
            forms |= {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
            forms.add(quote(part, safe=""))
    # The longest first: of a secret that contains another, nothing is to stay.
    found = sorted((form for form in forms if len(form) >= SHORT), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, found))) if found else None
