"""The log on disk: one file that is appended to, and its predecessors."""

from collections import deque
from pathlib import Path

import orjson

from edgefaas.control.loglines import KEYS

FILE_MAX_BYTES = 16 * 1024 * 1024
FILES_KEPT = 8


class RotatingFile:
    """``pop.jsonl`` and its predecessors ``pop.1.jsonl`` (the youngest) to ``pop.7.jsonl``."""

    def __init__(self, folder: Path, *, max_bytes: int = FILE_MAX_BYTES, kept: int = FILES_KEPT) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._kept = kept
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = self._path(0).open("ab", buffering=0)  # nothing is left to fail when it is closed
        self._size = self._file.tell()
        self._path(0).chmod(0o600)

    def _path(self, age: int) -> Path:
        return self._folder / (f"pop.{age}.jsonl" if age else "pop.jsonl")

    def write(self, block: bytes) -> None:
        """Append whole lines, then rotate when the file is full. Raises OSError; half a line may be left then."""
        if self._file.closed:  # the rotation before could not open the next one
            self._open()
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size += len(block)
        if self._size >= self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for age in reversed(range(self._kept - 1)):
            if self._path(age).exists():
                self._path(age).replace(self._path(age + 1))
        self._open()

    def tail(self, limit: int) -> list[bytes]:
        """Return the last lines of the present file; half a line, left by a kill, is skipped."""
        lines: deque[bytes] = deque(maxlen=limit)
        with self._path(0).open("rb") as file:
            for text in file:
                try:
                    line = orjson.loads(text)
                except orjson.JSONDecodeError:
                    continue
                if isinstance(line, dict) and line.keys() >= KEYS and line["at_s"] is not None:
                    lines.append(text)
        return list(lines)

    def close(self) -> None:
        """Close the present file."""
        self._file.close()
