"""What the suite asks of a peer."""

import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.content import Workload
from benchmarks.server import Server

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
VERSION_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A program of this machine."""

    program: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why a peer does not take part, and what would change that."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a peer may use: a folder of its own, the site's files, the origin, and the port to listen on."""

    folder: Path
    files: Path
    origin_port: int
    port: int


class Peer(ABC):
    """One server. ``targets`` maps each workload that it can serve to the request target."""

    name: ClassVar[str]
    targets: ClassVar[Mapping[Workload, str]]

    @abstractmethod
    def find(self, *, install: bool) -> Found | Missing:
        """Look for the program; ``install`` allows to fetch it by name from its package registry."""

    @abstractmethod
    def start(self, found: Found, ground: Ground, core: int) -> Server:
        """Write the configuration and start the server on that core. Raises ServerError."""


def look_up(name: str, *, folders: Sequence[str] = SYSTEM_FOLDERS) -> str | None:
    """Return the path of a program in PATH or in the system's folders for servers."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return shutil.which(name, path=path)


def version_of(command: Sequence[str], pattern: str) -> str:
    """Return the first group of ``pattern`` in what the command prints, or "unknown"."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(pattern, done.stdout + done.stderr)
    return match.group(1) if match else "unknown"


def found_or_missing(name: str, *, version: Sequence[str], pattern: str, remedy: str) -> Found | Missing:
    """Look a program up; ``version`` are the arguments that make it print its version."""
    program = look_up(name)
    if program is None:
        return Missing(reason=f"{name} is not in PATH", remedy=remedy)
    return Found(program=program, version=version_of([program, *version], pattern))
