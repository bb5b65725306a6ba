"""Builders of what the control plane's tests are about."""

from collections.abc import Mapping

from edgefaas.control.bundle import Bundle, digest
from edgefaas.control.records import BuildRecord, Version
from sandbox.contract import Kind, Limits, Source


def bundle(
    name: str = "hello",
    text: str = "one",
    *,
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Bundle:
    source = Source(kind=Kind.JS, files={"index.js": text.encode()}, entry="index.js")
    return Bundle(name=name, source=source, environment=environment or {}, limits=limits or Limits())


def version(name: str = "hello", text: str = "one", *, at_s: float = 1.0) -> Version:
    made = bundle(name, text)
    return Version(
        function=name,
        version=made.version,
        kind="js",
        entry="index.js",
        handler="",
        files={"index.js": digest(text.encode())},
        settings=made.settings,
        size_bytes=made.size_bytes,
        created_at_s=at_s,
    )


def build(text: str = "one") -> BuildRecord:
    return BuildRecord(artifact=digest(text.encode()), facts={"api": "lambda-edge"}, warnings=("careful",))
