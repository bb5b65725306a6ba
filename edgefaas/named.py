"""Things named in settings as ``module:attribute``."""

from importlib import import_module
from typing import Any


def named(name: str) -> Any:
    """Return what ``module:attribute`` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
