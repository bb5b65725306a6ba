"""Write values as TOML 1.0. Pure."""

import json
import re
from collections.abc import Mapping, Sequence

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_NOT_IN_COMMENTS = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]"
)  # other controls are white space to split()
WIDTH = 110


def key(name: str) -> str:
    """Return a key, quoted where it must be."""
    return name if _BARE.match(name) else value(name)


def value(item: Value) -> str:
    """Return a value on one line."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        sound = item.encode("utf-8", "replace").decode()  # JSON may hold surrogates, TOML may not
        return json.dumps(sound, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(item, int | float):
        return f"{item:g}" if isinstance(item, float) and item.is_integer() else str(item)
    if isinstance(item, Mapping):
        members = ", ".join(f"{key(name)} = {value(member)}" for name, member in item.items())
        return f"{{ {members} }}" if members else "{}"
    return f"[{', '.join(map(value, item))}]"


def table(header: str, members: Mapping[str, Value]) -> str:
    """Return a table under ``header``, such as ``[site]``."""
    return "\n".join([header, *(f"{key(name)} = {value(member)}" for name, member in members.items())]) + "\n"


def comments(sentences: Sequence[str]) -> str:
    """Return sentences as a comment, one item each; what a comment may not hold (TOML 1.0, Comment) is replaced."""
    lines: list[str] = []
    for sentence in sentences:
        line = "# -"
        for word in _NOT_IN_COMMENTS.sub("\N{REPLACEMENT CHARACTER}", sentence).split():
            if len(line) + 1 + len(word) > WIDTH:
                lines.append(line)
                line = "#  "
            line = f"{line} {word}"
        lines.append(line)
    return "\n".join(lines) + "\n"
