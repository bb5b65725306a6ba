"""Bundle a function's JavaScript or TypeScript, with the packages that it uses, into one file: how esbuild is asked to.

TypeScript (and JSX) cannot run as it is written, so it is bundled always; JavaScript where its author says so by
``[build] bundle = true``, since a function may have many files and packages without it. As with all builds the
author's tools do it, in ``edgefaas build``, ``deploy``, ``test`` and ``dev``, and never a POP. What was made lies in
the folder's ``.edgefaas/``. Files that are no code stay beside it, as they may be read at run time.

Pure but for looking at the entry's text.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ESBUILD = "esbuild"
TYPED = (".ts", ".mts", ".cts", ".tsx", ".jsx")
CODE = frozenset({".js", ".mjs", ".cjs", *TYPED})
_MODULE = frozenset({".mjs", ".mts"})
_FOLDER = ".edgefaas"
_NO_DATA = frozenset({"package.json", "package-lock.json", "tsconfig.json"})
_BUILT_IN = ("cloudfront", "aws-sdk", "@aws-sdk/*")  # ours, where they are not installed
_EXPORTS = re.compile(r"\bexports?\b")


def output_of(entry: str) -> str:
    """Return the path of the bundle in the function's folder."""
    return (
        f"{_FOLDER}/{PurePosixPath(entry).stem}{'.mjs' if PurePosixPath(entry).suffix in _MODULE else '.js'}"
    )


def place_of(output: str) -> str:
    """Return where the bundle stands among the files that are deployed."""
    return PurePosixPath(output).name


def command(folder: Path, entry: str) -> tuple[str, ...]:
    """Return how the entry is bundled, in ``folder``; the first word is the tool's name."""
    output = output_of(entry)
    built_in = [
        name for name in _BUILT_IN if not (folder / "node_modules" / name.removesuffix("/*")).exists()
    ]
    try:
        text = (folder / entry).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""  # esbuild says what is wrong with it
    return (
        ESBUILD,
        entry,
        "--bundle",
        "--platform=node",  # leaves Node's own modules to the runtime
        "--target=es2023",
        f"--format={'esm' if output.endswith('.mjs') else 'cjs'}",
        f"--outfile={output}",
        "--log-level=warning",
        "--charset=utf8",
        # CloudFront calls a plain ``function handler``, which nothing uses as far as esbuild can see.
        *(() if _EXPORTS.search(text) else ("--tree-shaking=false",)),
        *(f"--external:{name}" for name in built_in),
    )


def data_files(folder: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those of a folder's files that a bundled function may still read."""
    for path in paths:
        inside = path.relative_to(folder)
        if (
            "node_modules" not in inside.parts
            and path.suffix not in CODE
            and path.suffix != ".map"
            and path.name not in _NO_DATA
        ):
            yield path
