"""Files of pairs: CloudFront's JSON, a plain JSON object, and one JSON object to a line (NDJSON). Pure.

CloudFront's import file is ``{"data": [{"key": "a", "value": "b"}]}``. A value that is not UTF-8 has
``"encoding": "base64"`` beside it, which CloudFront does not know. In all of them a key may come once.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from edgefaas.errors import KvError

Pair = tuple[bytes, bytes]

_FORM = (
    'Write {"data": [{"key": "a", "value": "b"}]}, {"a": "b"}, or {"key": "a", "value": "b"} in each line.'
)


def read_pairs(content: bytes, *, name: str) -> list[Pair]:
    """Return the pairs of a file in their order. Raises KvError that says where ``name`` is wrong."""
    try:
        plain = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        pairs = _read_lines(content, name, error)
    else:
        pairs = _read_document(plain, name)
    seen: set[bytes] = set()
    for key, _ in pairs:
        if key in seen:
            raise KvError(
                f"{name} has the key {key.decode('utf-8', 'replace')[:80]!r} twice",
                remedy="Leave one of them.",
            )
        seen.add(key)
    return pairs


def _read_document(plain: Any, name: str) -> list[Pair]:
    if isinstance(plain, dict) and isinstance(plain.get("data"), list) and len(plain) == 1:
        plain = plain["data"]
    if isinstance(plain, dict) and not (plain.keys() >= {"key", "value"} and plain.keys() <= _KEYS):
        plain = [{"key": key, "value": value} for key, value in plain.items()]
    items = plain if isinstance(plain, list) else [plain]
    return [read_pair(item, f"{name}, pair {number}") for number, item in enumerate(items, 1)]


def _read_lines(content: bytes, name: str, error: Exception) -> list[Pair]:
    pairs: list[Pair] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            plain = orjson.loads(line)
        except orjson.JSONDecodeError as of_line:
            # The first line tells whether the file was meant as lines at all.
            problem = f"line {number}: {of_line}" if pairs else f"it is not JSON: {error}"
            raise KvError(f"{name}, {problem}", remedy=_FORM) from None
        pairs.append(read_pair(plain, f"{name}, line {number}"))
    return pairs


_KEYS = frozenset({"key", "value", "encoding"})


def read_pair(item: Any, where: str) -> Pair:
    """Return the pair that a JSON value stands for. Raises KvError that begins with ``where``."""
    if not isinstance(item, dict) or not {"key", "value"} <= item.keys() <= _KEYS:
        raise KvError(f"{where} is not a pair", remedy=_FORM)
    key, value, encoding = item["key"], item["value"], item.get("encoding", "utf-8")
    if not isinstance(key, str) or not isinstance(value, str):
        found = type(value if isinstance(key, str) else key).__name__
        raise KvError(
            f"{where} ({str(key)[:80]!r}) has a {found} where a string belongs",
            remedy="Write key and value as strings; JSON inside a value is a string, too.",
        )
    if encoding not in ("utf-8", "base64"):
        raise KvError(f"{where} has encoding {str(encoding)[:40]!r}", remedy="Use base64, or leave it out.")
    try:
        return key.encode(), base64.b64decode(
            value, validate=True
        ) if encoding == "base64" else value.encode()
    except (binascii.Error, ValueError):  # the latter for what is not ASCII
        raise KvError(f"{where} has a value that is not base64", remedy="Encode it as base64.") from None


def as_plain(key: bytes, value: bytes) -> dict[str, str]:
    """Return a pair as JSON values; a value that is not UTF-8 as base64."""
    name = key.decode("utf-8", "replace")
    try:
        return {"key": name, "value": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"key": name, "value": base64.b64encode(value).decode("ascii"), "encoding": "base64"}


def as_ndjson(pairs: Iterable[Pair]) -> bytes:
    """Return one line for each pair."""
    return b"".join(orjson.dumps(as_plain(*pair), option=orjson.OPT_APPEND_NEWLINE) for pair in pairs)


def as_json(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines of NDJSON as CloudFront's JSON document, as they come."""
    begin = b'{"data":[\n'
    for line in lines:
        yield begin + line.rstrip(b"\n")
        begin = b",\n"
    yield b"\n]}\n" if begin == b",\n" else b'{"data":[]}\n'
