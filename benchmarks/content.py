"""What is asked of every server in a comparison: the files, the workloads, and the right answers.

A workload is one kind of request with one right answer. Peers say at which target they answer it. Answers are
checked in the run itself, to the octet for small bodies, by status and length for big ones, so that nobody is
fast by being wrong.
"""

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HELLO = b"hello from the edge\n"
SIZES = {"1k.bin": 1_024, "100k.bin": 102_400, "10m.bin": 10_485_760}


class Workload(StrEnum):
    """One kind of request."""

    HIT_1K = "hit-1k"
    HIT_100K = "hit-100k"
    HIT_10M = "hit-10m"
    FILE_1K = "file-1k"
    NOT_MODIFIED = "not-modified"
    MISS_1K = "miss-1k"
    HELLO_EVENT = "hello-event"
    HELLO_JS = "hello-js"
    HELLO_PYTHON = "hello-python"
    JS_ON_HIT = "js-on-hit"
    EVENT_2K = "event-2k"
    EVENT_40K = "event-40k"


FILE_OF = {
    Workload.HIT_1K: "1k.bin",
    Workload.HIT_100K: "100k.bin",
    Workload.HIT_10M: "10m.bin",
    Workload.FILE_1K: "1k.bin",
    Workload.NOT_MODIFIED: "1k.bin",
    Workload.MISS_1K: "1k.bin",
    Workload.JS_ON_HIT: "1k.bin",
}

BROWSER_FIELDS: Mapping[str, str] = {
    "Accept": "*/*",
    "User-Agent": "edgefaas-bench",
}
BIG_BYTES = 16_384
EVENT_FIELD_COUNT = 16
EVENT_FIELD_BYTES = 100
EVENT_BODY_BYTES = 29_000  # as Base64 in an event: about 40 kB


def write_files(folder: Path) -> list[Path]:
    """Write the files of the site, the same octets in every run; incompressible."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, size in SIZES.items():
        path = folder / name
        path.write_bytes(random.Random(name).randbytes(size))
        path.chmod(0o644)
        written.append(path)
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The right answer to a workload."""

    status: int
    body: bytes

    def expectations(self, *, to_the_octet: bool = True) -> list[str]:
        """Return the lines that tell the load generator what to accept."""
        lines = [f":status {self.status}", f":length {len(self.body)}"]
        return [*lines, f":crc32 {zlib.crc32(self.body):x}"] if to_the_octet else lines

    @property
    def big(self) -> bool:
        """Whether reading every octet of every answer would make the generator the bottleneck."""
        return len(self.body) > BIG_BYTES


def right_answer(workload: Workload, folder: Path) -> Right:
    """Return what every server must answer."""
    if workload is Workload.NOT_MODIFIED:
        return Right(status=304, body=b"")
    if workload in FILE_OF:
        return Right(status=200, body=(folder / FILE_OF[workload]).read_bytes())
    return Right(status=200, body=HELLO)


def request_text(
    workload: Workload,
    target: str,
    right: Right,
    extra: Sequence[tuple[str, str]] = (),
    *,
    to_the_octet: bool = True,
) -> bytes:
    """Return the entry of the requests file; ``extra`` are further fields (validators)."""
    fields = [*BROWSER_FIELDS.items(), *extra]
    method, body = "GET", b""
    if workload is Workload.EVENT_2K:
        fields += [(f"X-Field-{n:02}", "v" * EVENT_FIELD_BYTES) for n in range(EVENT_FIELD_COUNT)]
    elif workload is Workload.EVENT_40K:
        method, body = "POST", b"b" * EVENT_BODY_BYTES
        fields += [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    lines = [
        f"{method} {target}",
        *(f"{name}: {value}" for name, value in fields),
        *right.expectations(to_the_octet=to_the_octet),
        "",
    ]
    return "\n".join(lines).encode() + b"\n" + body + (b"\n" if body else b"")
