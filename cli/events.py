"""Read the event that a function is run with: a file, or standard input."""

import json
import sys
from pathlib import Path
from typing import Any

from edgefaas.errors import UsageError


def read_event(path: Path | None) -> bytes:
    """Return the event's JSON; ``-`` is standard input, None the empty object. Raises UsageError."""
    return json.dumps(read_json(path)).encode() if path else b"{}"


def read_json(path: Path) -> Any:
    """Return the JSON value of a file. Raises UsageError with line and column."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read: {error.strerror}", remedy="Name a JSON file."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8", remedy="Save it as UTF-8.") from None
    try:
        return json.loads(text)
    except ValueError as error:
        name = "Standard input" if str(path) == "-" else path
        raise UsageError(f"{name} is not JSON: {error}", remedy="Correct it at that place.") from None
