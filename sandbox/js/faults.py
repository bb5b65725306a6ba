"""What is wrong with a JavaScript function, told with the author's own files and lines. Pure."""

import re

from sandbox.errors import BuildError, CompileError, ForbiddenImportError, MissingExportError
from sandbox.js.bundle import ROOT
from sandbox.js.foundation import ScriptError


def place_of(error: ScriptError) -> str:
    """Return file:line of the innermost frame in the author's files."""
    found = re.search(re.escape(ROOT) + r"([^\s():]+:\d+)", error.stack)
    return found[1] if found else ""


def compile_error(error: ScriptError, text: str, before: int) -> CompileError:
    """Return the error for a file that does not parse, with line and column.

    ``before`` are the characters that stand before its first line. What is missing is missing at its end.
    """
    found = re.search(re.escape(ROOT) + r"([^\s():]+):(\d+):(\d+)", error.stack)
    if found is None:
        return CompileError(str(error), remedy="Mend the source.")
    last = len(text.splitlines()) or 1
    line, column = int(found[2]), int(found[3])
    if line == 1:
        column = max(1, column - before)
    where = f"{found[1]}:{line}:{column}" if line <= last else f"{found[1]}:{last}, at its end"
    return CompileError(f"{where}: {error}", remedy="Mend the source.", line=min(line, last))


def top_level_error(told: dict[str, str], entry: str) -> BuildError:
    """Return the error for what module scope threw."""
    error = ScriptError(told)
    place = place_of(error)
    where = f" at {place}" if place else ""
    if told.get("fact"):
        return ForbiddenImportError(
            f"{place or entry} imports {told['fact']!r}, which is neither deployed nor built in",
            remedy="Deploy it in node_modules, bundle it, or do without.",
        )
    return CompileError(
        f"the top level threw {error}{where}",
        remedy="Mend the source.",
        line=int(place.rpartition(":")[2]) if place else None,
    )


def no_handler(entry: str, handler: str, facts: dict[str, object]) -> BuildError:
    """Return the error for a file without its handler."""
    names = facts.get("names")
    seen = (
        f"it exports {', '.join(map(str, names))}"
        if isinstance(names, list) and names
        else "it exports nothing"
    )
    return MissingExportError(
        f"{entry} has no handler named {handler!r}; {seen}",
        remedy=f"Write exports.{handler} = async (event) => …, or function {handler}(event) {{ … }}.",
    )
