"""Run handlers of the corpus on the Python of this machine: cases as JSON on stdin, what came of each on stdout."""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Return the handler's result, or what it raised."""
    path = Path(case["file"])
    sys.path.insert(0, str(path.parent))
    os.environ.update(case["environment"])
    try:
        module = importlib.import_module(path.stem)
        return {"result": getattr(module, case["name"].rpartition(".")[2])(case["event"], None)}
    except Exception as error:  # as a harness must
        return {"threw": f"{type(error).__name__}: {error}"}
    finally:
        sys.path.remove(str(path.parent))
        sys.modules.pop(path.stem, None)


if __name__ == "__main__":
    cases, sys.stdout = json.load(sys.stdin), sys.stderr  # what handlers print is no result
    sys.__stdout__.write(json.dumps([run(case) for case in cases]))  # type: ignore[union-attr]  # it is there
