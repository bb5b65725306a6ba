"""What can be known of a function's files before anything runs: kinds of files, imports, needed library chunks.

Pure. The scan is by pattern, not by parser: it decides what is loaded ahead of need and what is named at deploy;
at run time a missed chunk is loaded when touched, so a wrong guess costs time and nothing else.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
_MODULE_SYNTAX = re.compile(r"^\s*(?:import\b\s*[\w{*'\"]|export\b\s*[\w{*])", re.MULTILINE)
_INSPECTED = re.compile(r"\bconsole\s*\.\s*\w+\s*\((?!\s*(?:'[^'%\n]*'|\"[^\"%\n]*\"|`[^`%]*`)\s*\))")
_LEGACY_MATCH = re.compile(
    r"\bRegExp\s*(?:\.\s*(?:\$[1-9&_]|lastMatch|lastParen|leftContext|rightContext)|\[['\"]\$)"
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_RECORDS = re.compile(r"\bRecords\b")


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file names in a literal, and on which line."""

    name: str
    line: int
    guarded: bool  # inside a try block, as far as can be seen


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
    return MODULE if has_module_syntax(files[path].decode("utf-8", "replace")) else COMMON


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


def has_module_syntax(text: str) -> bool:
    """Whether the text has an import or export declaration outside comments."""
    return _MODULE_SYNTAX.search(without_comments(text)) is not None


def without_comments(text: str) -> str:
    """Return the text with comments blanked, lines kept. Strings that look like comments suffer; see above."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def imports_of(text: str) -> Iterator[Import]:
    """Yield the modules that a file names in literals."""
    text = without_comments(text)
    for match in _IMPORTED.finditer(text):
        before = text[: match.start()]
        opened = before.rfind("try")
        guarded = opened >= 0 and before[opened:].count("{") > before[opened:].count("}")
        yield Import(match[2], text.count("\n", 0, match.start(2)) + 1, guarded)


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


def mentions_records(texts: list[str]) -> bool:
    """Whether a file reads ``Records``: every Lambda@Edge function does, no CloudFront Function."""
    return any(_RECORDS.search(text) for text in texts)
