"""What the name of a static file says: its media type, and whether its content can ever change. Pure."""

import mimetypes
import re

_TYPES = mimetypes.MimeTypes(filenames=())  # not the machine's own files: every POP must answer alike
for _media_type, _extension in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("application/json", ".json"),
    ("application/json", ".map"),
    ("application/manifest+json", ".webmanifest"),
    ("application/wasm", ".wasm"),
    ("application/xml", ".xml"),
    ("font/otf", ".otf"),
    ("font/ttf", ".ttf"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("image/avif", ".avif"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
    ("image/x-icon", ".ico"),
    ("text/markdown", ".md"),
    ("video/mp4", ".mp4"),
    ("video/webm", ".webm"),
    ("audio/mp4", ".m4a"),
    ("application/zstd", ".zst"),
    ("application/gzip", ".gz"),
):
    _TYPES.add_type(_media_type, _extension)
_TEXTUAL = frozenset({"application/json", "application/manifest+json", "application/xml", "image/svg+xml"})
_HEX_HASH = re.compile(r"[.-](?=[0-9a-f]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}\.[a-z0-9.]+$")
# Bundlers (Vite, Rollup, esbuild) put 8 characters of base64url or base32 before the extension.
_BUNDLER_HASH = re.compile(
    r"[.-](?=[A-Za-z0-9_-]*[0-9])(?=[A-Za-z0-9_-]*[A-Z])[A-Za-z0-9_-]{8}\.(?:m?js|css|map|wasm|woff2?)(?:\.map)?$"
)


def media_type(name: str) -> str:
    """Return the ``Content-Type`` for a file name; text is UTF-8."""
    guessed, encoding = _TYPES.guess_type(name, strict=False)
    if encoding is not None:  # a .tar.gz is served as the archive it is
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}.get(
            encoding, "application/octet-stream"
        )
    if guessed is None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") or guessed in _TEXTUAL else guessed


def is_immutable(name: str) -> bool:
    """Return whether a name carries a hash of its content, as bundlers write it, so that it never changes."""
    return _HEX_HASH.search(name) is not None or _BUNDLER_HASH.search(name) is not None
