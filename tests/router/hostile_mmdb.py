"""MaxMind DB files of a few hundred bytes that stand for very much (the format's own: pointers may be repeated)."""

_MAP, _TEXT, _UINT16, _UINT32, _ARRAY = 7, 2, 5, 6, 11


def control(kind: int, size: int) -> bytes:
    short = min(size, 29)
    first = bytes(((kind << 5 if kind <= 7 else 0) | short,)) + (b"" if kind <= 7 else bytes((kind - 7,)))
    return first if short < 29 else first + bytes((size - 29,))


def text(value: str) -> bytes:
    return control(_TEXT, len(value)) + value.encode()


def pointer(to: int) -> bytes:
    return bytes((0x20 | to >> 8, to & 0xFF))


def database(data: bytes, record_at: int) -> bytes:
    """Return a file in which every address has the record at an offset of the data."""
    to = (1 + 16 + record_at).to_bytes(3, "big")
    facts = {
        "binary_format_major_version": control(_UINT16, 1) + b"\x02",
        "binary_format_minor_version": control(_UINT16, 0),
        "build_epoch": control(9, 1) + b"\x05", "database_type": text("x-City"), "description": control(_MAP, 0),
        "ip_version": control(_UINT16, 1) + b"\x06", "languages": control(_ARRAY, 0),
        "node_count": control(_UINT32, 1) + b"\x01", "record_size": control(_UINT16, 1) + b"\x18",
    }  # fmt: skip
    about = control(_MAP, len(facts)) + b"".join(text(key) + value for key, value in facts.items())
    return to * 2 + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + about


def amplified(width: int, *, levels: int = 2) -> bytes:
    """Return a file whose record is lists of so many lists, so many levels deep, all of one text."""
    data, at = bytearray(text("x")), 0
    for _ in range(levels):
        at, before = len(data), at
        data += control(_ARRAY, width) + pointer(before) * width
    record_at = len(data)
    return database(bytes(data + control(_MAP, 1) + text("country") + pointer(at)), record_at)


def with_record(**fields: bytes) -> bytes:
    """Return a file whose record has these fields."""
    record = control(_MAP, len(fields)) + b"".join(text(key) + value for key, value in fields.items())
    return database(record, 0)


def long_text(length: int) -> bytes:
    """Return a text of 285 characters or more."""
    if length < 65_821:
        return bytes((_TEXT << 5 | 30,)) + (length - 285).to_bytes(2, "big") + b"1" * length
    return bytes((_TEXT << 5 | 31,)) + (length - 65_821).to_bytes(3, "big") + b"1" * length
