"""What is wrong with a Python function, told with the author's own files and lines. Pure."""

from sandbox.errors import BuildError, CompileError, ForbiddenImportError, MissingExportError
from sandbox.python.imports import TASK
from sandbox.python.resolving import without


def syntax_error(path: str, told: dict[str, str]) -> CompileError:
    """Return the error for a file that does not parse."""
    line = told.get("line")
    where = f"{path}:{line}" if line else path
    if line and told.get("column"):
        where += f":{told['column']}"
    return CompileError(
        f"{where}: {told['message']}", remedy="Correct the syntax.", line=int(line) if line else None
    )


def top_level_error(told: dict[str, str], entry: str) -> BuildError:
    """Return the error for what the import of the module raised."""
    file = str(told.get("file") or "").removeprefix(f"{TASK}/")
    line = told.get("line")
    where = f"{file}:{line}" if file and line else entry
    if told.get("lacks"):
        return ForbiddenImportError(
            f"{where} imports {told['lacks']!r}, which is neither deployed nor built in",
            remedy=without(told["lacks"]),
        )
    if told["error"] in ("SyntaxError", "IndentationError", "TabError"):
        return syntax_error(file, told)
    said = f"{told['error']}: {told['message']}" if told["message"] else told["error"]
    return CompileError(
        f"the top level raised {said} at {where}",
        remedy="Mend it, or do it in the handler.",
        line=int(line) if line else None,
    )


def refuse_no_handler(entry: str, handler: str, told: dict[str, object]) -> None:
    """Raise MissingExportError when the module has no such function."""
    if told["callable"]:
        return
    names = told["names"]
    assert isinstance(names, list)
    seen = f"it has {', '.join(map(str, names[:8]))}" if names else "it has no function at all"
    raise MissingExportError(
        f"{entry} has no function named {handler!r}; {seen}",
        remedy=f"Write def {handler}(event, context): …, or name another in function.toml.",
    )
