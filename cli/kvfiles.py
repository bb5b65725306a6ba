"""Files of key-value pairs: read, cut into what one request takes, and written whole or not at all."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgefaas.errors import UsageError

PART_BYTES = (
    10_000_000  # of one import request, which is done whole or not at all; JSON may make six of one byte
)
PART_PAIRS = 100_000


def read_octets(path: Path) -> bytes:
    """Return what is in a file; of -, in standard input. Raises UsageError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", remedy="Name a file.") from None


def cut_up(pairs: list[tuple[bytes, bytes]]) -> Iterator[list[dict[str, str]]]:
    """Yield the pairs as JSON values, as many at a time as one request takes."""
    from edgefaas.kv.formats import as_plain

    part: list[dict[str, str]] = []
    size = 0
    for key, value in pairs:
        if part and (size + len(key) + len(value) > PART_BYTES or len(part) == PART_PAIRS):
            yield part
            part, size = [], 0
        part.append(as_plain(key, value))
        size += len(key) + len(value)
    if part:
        yield part


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that has its name only when it is whole. Raises UsageError."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="Name another.") from None
