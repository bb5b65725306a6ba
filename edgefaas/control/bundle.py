"""What is deployed: a function's files and settings, and its SHA-256 name.

Pure. Every bundle that exists has been checked here, wherever it came from.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

import orjson

from edgefaas.errors import DeployError
from sandbox.contract import Limits, Source
from sandbox.outbound import OutboundRuleError, parse_rule, with_scheme

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")
FILES_MAX = 2_000
FILE_PATH_MAX = 512
BUNDLE_MAX_BYTES = 48 * 1024 * 1024  # a componentize-py component takes 19 MB
ENVIRONMENT_MAX_BYTES = 64 * 1024
ALLOW_MAX = 100
KV_MAX = 20
ENCODINGS = ("json", "msgpack")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")

LIMIT_RANGES: Mapping[str, tuple[int, int]] = {
    "memory_bytes": (1 << 16, 4096 << 20),
    "cpu_ms": (1, 60_000),
    "wall_ms": (1, 300_000),
    "output_bytes": (1024, 1 << 28),
    "log_bytes": (0, 1 << 24),
    "host_calls": (0, 1_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One function as its author hands it in.

    ``allow`` are the hosts that it may fetch from, ``kv`` the key-value namespaces that it names, its own first.
    """

    name: str
    source: Source
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] = ()
    encoding: str = "json"
    kv: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no version may be. Raises DeployError."""
        _check_files(self.name, self.source)
        _check_settings(self)

    @property
    def size_bytes(self) -> int:
        """Return how many bytes the files have together."""
        return sum(len(content) for content in self.source.files.values())

    @property
    def settings(self) -> dict[str, Any]:
        """Return what is not source, as JSON values.

        ``kv`` came later, and is left out where it says nothing: older versions keep their names.
        """
        return {
            "limits": {item.name: getattr(self.limits, item.name) for item in fields(Limits)},
            "environment": dict(self.environment),
            "allow": list(self.allow),
            "encoding": self.encoding,
        } | ({"kv": list(self.kv)} if self.kv else {})

    @property
    def version(self) -> str:
        """Return the SHA-256 (hex) over files and settings; the function's name is not in it."""
        return version_of(
            kind=self.source.kind,
            entry=self.source.entry,
            handler=self.source.handler,
            files={path: digest(content) for path, content in self.source.files.items()},
            settings=self.settings,
        )


def digest(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hex."""
    return hashlib.sha256(content).hexdigest()


def version_of(
    *, kind: str, entry: str, handler: str, files: Mapping[str, str], settings: Mapping[str, Any]
) -> str:
    """Return the version's name from what it is made of; ``files`` are path → SHA-256."""
    canonical = {
        "edgefaas": 1,
        "kind": str(kind),
        "entry": entry,
        "handler": handler,
        "files": dict(files),
        "settings": dict(settings),
    }
    return digest(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS))


def refused(message: str, remedy: str) -> DeployError:
    """Return the error that refuses a bundle."""
    return DeployError(message, remedy=remedy)


def _check_files(name: str, source: Source) -> None:
    if not NAME.match(name):
        raise refused(
            f'"{name[:80]}" is not a name for a function',
            "Use letters, digits, - and _, at most 63, and begin with a letter or digit.",
        )
    if source.entry not in source.files:
        raise refused(
            f'Function "{name}" has no file "{source.entry}", which is its entry',
            "Name as entry one of its files.",
        )
    if len(source.files) > FILES_MAX:
        raise refused(
            f'Function "{name}" has {len(source.files)} files; at most {FILES_MAX} are allowed',
            "Bundle the dependencies into fewer files.",
        )
    for path in source.files:
        _check_path(name, path)
    size = sum(len(content) for content in source.files.values())
    if size > BUNDLE_MAX_BYTES:
        raise refused(
            f'Function "{name}" has {size} bytes; at most {BUNDLE_MAX_BYTES} are allowed',
            "Leave out what it does not need at run time.",
        )


def is_plain_path(path: str) -> bool:
    """Return whether a path is relative, stays inside, and is written as plainly as can be."""
    parts = PurePosixPath(path).parts
    return not (
        not parts
        or len(path) > FILE_PATH_MAX
        or path != "/".join(parts)
        or ".." in parts
        or path.startswith("/")
        or "\\" in path
        or not path.isprintable()
    )


def _check_path(name: str, path: str) -> None:
    if not is_plain_path(path):
        raise refused(
            f'Function "{name}" has a file at {path[:120]!r}, which is not a plain relative path',
            "Keep every file inside the function's folder, under a plain name.",
        )


def _check_settings(bundle: Bundle) -> None:
    for key, (low, high) in LIMIT_RANGES.items():
        value = getattr(bundle.limits, key)
        if not low <= value <= high:
            raise refused(
                f'Function "{bundle.name}" asks for limits.{key} = {value}; allowed are {low} to {high}',
                f"Choose a value in {low} to {high}.",
            )
    for key, value in bundle.environment.items():
        if not VARIABLE.match(key) or not isinstance(value, str) or "\0" in value:
            raise refused(
                f'Function "{bundle.name}" has the environment variable {key[:80]!r}, which cannot be one',
                "Use letters, digits and _ for the name, and text without NUL for the value.",
            )
    size = sum(len(key) + len(value.encode()) for key, value in bundle.environment.items())
    if size > ENVIRONMENT_MAX_BYTES:
        raise refused(
            f'The environment of "{bundle.name}" has {size} bytes; allowed are {ENVIRONMENT_MAX_BYTES}',
            "Put large data into a file of the function.",
        )
    for host in bundle.allow[:ALLOW_MAX]:
        try:
            parse_rule(with_scheme(host))
        except OutboundRuleError:
            raise refused(
                f'Function "{bundle.name}" allows {host[:80]!r}, which is not a host',
                'Write "api.example.com", "*.example.com", "api.example.com:8443", or "http://…" for plain HTTP.',
            ) from None
    if len(bundle.allow) > ALLOW_MAX:
        raise refused(
            f'Function "{bundle.name}" allows {len(bundle.allow)} hosts; at most {ALLOW_MAX} are listed',
            "Use a wildcard such as *.example.com.",
        )
    _check_kv(bundle)
    if bundle.encoding not in ENCODINGS:
        raise refused(
            f'Function "{bundle.name}" has encoding "{bundle.encoding}"',
            f"Use one of {', '.join(ENCODINGS)}.",
        )


def _check_kv(bundle: Bundle) -> None:
    if len(set(bundle.kv)) != len(bundle.kv) or len(bundle.kv) > KV_MAX:
        raise refused(
            f'Function "{bundle.name}" names {len(bundle.kv)} key-value namespaces, or one twice',
            f"Name at most {KV_MAX}, each once.",
        )
    for name in bundle.kv:
        if not NAME.match(name):
            raise refused(
                f'Function "{bundle.name}" names the key-value namespace {name[:80]!r}, which cannot be one',
                "Name a [kv.NAME] of the site.",
            )
