"""From the path of a URL to names inside a folder, or to nothing: no spelling may lead out of the folder.

Pure. What could be read in two ways is refused, not repaired: an encoded slash or backslash, ``.`` and ``..`` in any
spelling, empty segments, NUL and other controls, percent signs that encode nothing, octets that are not UTF-8
(overlong forms among them). Names that begin with a dot are private (``.git``, ``.env``), but for ``.well-known``.
"""

import re
from urllib.parse import unquote_to_bytes

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NAME_LIMIT_BYTES = 255


def segments_of(path: str) -> tuple[str, ...] | None:
    """Return the decoded segments of ``path``; the last is ``""`` when it ends with a slash. None: refused."""
    if not path.startswith("/") or _BAD_PERCENT.search(path):
        return None
    raw = path[1:].split("/")
    segments: list[str] = []
    for position, part in enumerate(raw):
        try:
            name = unquote_to_bytes(part.encode("latin-1")).decode("utf-8") if "%" in part else part
        except UnicodeError:
            return None
        last = position == len(raw) - 1
        if (not name and not last) or not _is_plain(name):
            return None
        segments.append(name)
    return tuple(segments)


def _is_plain(name: str) -> bool:
    if "/" in name or "\\" in name or _CONTROL.search(name):
        return False
    if name.startswith(".") and name != ".well-known":
        return False
    return len(name.encode("utf-8", "surrogatepass")) <= NAME_LIMIT_BYTES


def differs_in_case_only(wanted: str, found: str) -> bool:
    """Return whether a file system that ignores case has found another spelling than the one asked for."""
    return wanted != found and wanted.casefold() == found.casefold()
