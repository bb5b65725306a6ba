"""A bundle as the JSON that the admin API's deploy takes, and back. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from edgefaas.control.bundle import LIMIT_RANGES, Bundle, refused
from sandbox.contract import Kind, Limits, Source


def to_json(bundle: Bundle) -> dict[str, Any]:
    """Return the body that the admin API's deploy takes; file contents are base64."""
    source = bundle.source
    return {
        "name": bundle.name,
        "kind": source.kind.value,
        "entry": source.entry,
        "handler": source.handler,
        "files": {path: base64.b64encode(content).decode() for path, content in source.files.items()},
    } | bundle.settings


def from_json(plain: Any) -> Bundle:
    """Return the bundle of such a body. Raises DeployError."""
    if not isinstance(plain, dict):
        raise refused("A function is a JSON object", "Send name, kind, entry and files.")
    unknown = plain.keys() - {
        "name", "kind", "entry", "handler", "files", "limits", "environment", "allow", "encoding", "kv"
    }  # fmt: skip
    if unknown:
        raise refused(f"The key {min(unknown)!r} is not known", "Leave it out.")
    name = _text(plain, "name")
    kind = _text(plain, "kind")
    if kind not in tuple(Kind):
        raise refused(f'Kind "{kind}" is not known', f"Use one of {', '.join(Kind)}.")
    source = Source(
        kind=Kind(kind),
        files={path: _decoded(path, content) for path, content in _mapping(plain, "files").items()},
        entry=_text(plain, "entry"),
        handler=_text(plain, "handler", ""),
    )
    allow, kv = plain.get("allow", []), plain.get("kv", [])
    if not isinstance(allow, list) or not all(isinstance(host, str) for host in allow):
        raise refused("allow is not a list of strings", 'Send for example ["api.example.com"].')
    if not isinstance(kv, list) or not all(isinstance(name, str) for name in kv):
        raise refused("kv is not a list of strings", 'Send for example ["moved"].')
    return Bundle(
        name=name,
        source=source,
        limits=_limits(_mapping(plain, "limits", {})),
        environment=_mapping(plain, "environment", {}),
        allow=tuple(allow),
        encoding=_text(plain, "encoding", "json"),
        kv=tuple(kv),
    )


def _text(plain: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = plain.get(key, default)
    if not isinstance(value, str):
        raise refused(f"{key} is not a string", f"Send {key} as a string.")
    return value


def _mapping(plain: Mapping[str, Any], key: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = plain.get(key, default)
    if not isinstance(value, dict):
        raise refused(f"{key} is not an object", f"Send {key} as a JSON object.")
    return value


def _decoded(path: str, content: Any) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise refused(f'The content of "{path}" is not base64', "Encode every file as base64.") from None


def _limits(plain: Mapping[str, Any]) -> Limits:
    for key, value in plain.items():
        if key not in LIMIT_RANGES:
            raise refused(f"limits.{key} is not known", f"Use {', '.join(LIMIT_RANGES)}.")
        if type(value) is not int:
            raise refused(f"limits.{key} is not a whole number", "Send a whole number.")
    return Limits(**plain)
