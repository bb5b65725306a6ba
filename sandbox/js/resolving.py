"""Which imports of a JavaScript function can be loaded, among what is deployed and what is built in. Pure."""

import re
from collections.abc import Iterable, Mapping

from sandbox.errors import ForbiddenImportError
from sandbox.js.bundle import names_in
from sandbox.js.scan import imports_of

WARNINGS_MAX = 5
_PACKAGE = re.compile(r"(?:node:|@[\w.~-]+/)?[\w.~-]+(?:/[^\s'\"`]+)?")
_IN_LAMBDA = re.compile(r"@aws-sdk/|aws-sdk(?:/|$)")  # lib/aws.js stands in where it is not deployed
BUILTINS = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cloudfront",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "sys",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)
# Built-in modules that load, as packages want them, and of which nothing works.
USELESS = frozenset(
    ["child_process", "cluster", "dgram", "inspector", "repl", "vm", "wasi", "worker_threads"]
)


def judge(files: Mapping[str, bytes], own: Iterable[str]) -> list[str]:
    """Return warnings about imports of the author's ``own`` files that will throw when a call gets there.

    Raises:
        ForbiddenImportError: one that the file needs to be loaded is nowhere; the first is named.
    """
    warnings: list[str] = []
    for path in own:
        text = files[path].decode("utf-8", "replace")
        if all(
            can_load(files, name) and name.removeprefix("node:") not in USELESS for name in names_in(text)
        ):
            continue  # nearly always
        for wanted in imports_of(text):
            place, plain = f"{path}:{wanted.line}", wanted.name.removeprefix("node:")
            if plain in USELESS and wanted.at_once:
                warnings.append(f"{place} imports {wanted.name!r}, whose functions throw here when used.")
            if wanted.guarded or can_load(files, wanted.name) or not _PACKAGE.fullmatch(wanted.name):
                continue
            if wanted.at_once:
                raise ForbiddenImportError(
                    f"{place} imports {wanted.name!r}, which is neither deployed nor built in",
                    remedy="Deploy it in node_modules, bundle it, or do without.",
                )
            warnings.append(
                f"{place} imports {wanted.name!r}, which is neither deployed nor built in: it throws there."
            )
    return warnings[:WARNINGS_MAX]


def can_load(files: Mapping[str, bytes], name: str) -> bool:
    """Whether an import may succeed; a relative one is judged when it runs."""
    if name.startswith((".", "/", "#", "file:")):
        return True
    plain = name.removeprefix("node:")
    if plain in BUILTINS or plain.partition("/")[0] in BUILTINS:
        return True
    if _IN_LAMBDA.match(name):
        return True
    parts = name.split("/")
    package = "/".join(parts[:2]) if name.startswith("@") else parts[0]
    return any(
        f"node_modules/{package}/" in path or path.startswith(f"node_modules/{package}.") for path in files
    )
