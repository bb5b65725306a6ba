"""What can be known of a function's files before anything runs: kinds of files, imports, needed library chunks.

Pure. What is loaded ahead of need is found by pattern: at run time a missed chunk is loaded when touched, so a wrong
guess costs time and nothing else.
"""

import json
import re
from collections.abc import Mapping

from sandbox.js.scan import has_module_syntax

ROOT = "/var/task/"
CODE_ENDINGS = (".js", ".cjs", ".mjs")
DATA, COMMON, MODULE = 0, 1, 2  # as lib/main.js knows them

# The chunk of sandbox/js/lib that a global or a module needs; "." marks a global to be touched.
_GLOBALS = {
    "Buffer": ".Buffer", "URL": ".URL", "URLSearchParams": ".URL", "TextEncoder": ".TextEncoder",
    "TextDecoder": ".TextEncoder", "structuredClone": ".structuredClone", "fetch": ".fetch",
    "Headers": ".fetch", "Request": ".fetch", "Response": ".fetch", "AbortController": ".AbortController",
    "EventTarget": ".AbortController", "ReadableStream": ".ReadableStream", "Intl": ".Intl",
    "toLocaleString": "intl", "toLocaleDateString": "intl", "toLocaleTimeString": "intl", "localeCompare": "intl",
}  # fmt: skip
_MODULES = {
    "assert": "assert", "async_hooks": "async_hooks", "buffer": "buffer", "cloudfront": "cloudfront",
    "crypto": "crypto", "events": "events", "fs": "fs", "http": "http", "https": "http", "os": "os",
    "path": "path", "punycode": "punycode", "querystring": "querystring", "stream": "stream",
    "string_decoder": "string_decoder", "url": "url", "util": "util", "zlib": "zlib",
}  # fmt: skip
_WORDS = re.compile(r"\b(" + "|".join(_GLOBALS) + r")\b")
_IMPORTED = re.compile(
    r"""(?:\brequire\s*\(\s*|\bimport\s*\(\s*|\bfrom\s*|\bimport\s+)(['"])((?:(?!\1)[^\\\n])+)\1"""
)
_MODULE_WORDS = re.compile(r"\b(?:import|export)\b")
_INSPECTED = re.compile(r"\bconsole\s*\.\s*\w+\s*\((?!\s*(?:'[^'%\n]*'|\"[^\"%\n]*\"|`[^`%]*`)\s*\))")
_LEGACY_MATCH = re.compile(
    r"\bRegExp\s*(?:\.\s*(?:\$[1-9&_]|lastMatch|lastParen|leftContext|rightContext)|\[['\"]\$)"
)
_AWS_IMPORT = re.compile(r"""\bimport\b[^;'"{]*\{([^}]*)\}\s*from\s*['"](@?aws-sdk(?:/[^'"]*)?)['"]""")
_RECORDS = re.compile(r"\bRecords\b")


def kinds_of(files: Mapping[str, bytes]) -> dict[str, int]:
    """Return what each file is, by absolute path: data, CommonJS or an ES module (Node's rules)."""
    return {ROOT + path: _kind(path, files) for path in files}


def _kind(path: str, files: Mapping[str, bytes]) -> int:
    if path.endswith(".mjs"):
        return MODULE
    if path.endswith(".cjs"):
        return COMMON
    if not path.endswith(".js"):
        return DATA
    declared = _declared_type(path, files)
    if declared is not None:
        return MODULE if declared == "module" else COMMON
    text = files[path].decode("utf-8", "replace")
    return MODULE if _MODULE_WORDS.search(text) and has_module_syntax(text) else COMMON


def _declared_type(path: str, files: Mapping[str, bytes]) -> str | None:
    """Return ``type`` of the nearest package.json; None when it does not say."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        manifest = files.get(f"{folder}/package.json" if folder else "package.json")
        if manifest is not None:
            try:
                value = json.loads(manifest).get("type")
            except (ValueError, AttributeError):
                return None
            return value if isinstance(value, str) else None
        if folder.endswith("node_modules"):
            return None
    return None


def names_in(text: str) -> set[str]:
    """Return what may be imported: the literals that stand where an import's name does, even in text."""
    return {match[2] for match in _IMPORTED.finditer(text)}


def chunks_for(texts: list[str]) -> list[str]:
    """Return what to load before the image is taken, for files with these texts."""
    chunks: set[str] = set()
    for text in texts:
        chunks.update(_GLOBALS[word] for word in _WORDS.findall(text))
        for match in _IMPORTED.finditer(text):
            name = match[2].removeprefix("node:").partition("/")[0]
            if name in _MODULES:
                chunks.add(_MODULES[name])
        if _LEGACY_MATCH.search(text):
            chunks.add("regexp")
        if _INSPECTED.search(text):
            chunks.add("inspect")
    return sorted(chunks)


def names_from_aws(texts: list[str]) -> dict[str, list[str]]:
    """Return what ES code imports by name from each module of the AWS SDK."""
    found: dict[str, list[str]] = {}
    for text in texts:
        for match in _AWS_IMPORT.finditer(text):
            names = [part.partition(" as ")[0].strip() for part in match[1].split(",")]
            found.setdefault(match[2], []).extend(name for name in names if name.isidentifier())
    return found


def mentions_records(texts: list[str]) -> bool:
    """Whether a file reads ``Records``: every Lambda@Edge function does, no CloudFront Function."""
    return any(_RECORDS.search(text) for text in texts)
