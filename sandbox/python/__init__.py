"""Kind ``python``: unmodified ``lambda_handler(event, context)`` on one shared CPython.

A function is an image of the interpreter's memory after its module was imported; a request gets an instance with
every byte put back to that image. See docs/python.md and docs/adr/0090 to 0092.
"""

from sandbox.python.build import build
from sandbox.python.foundation import foundation_name
from sandbox.python.program import load

BUILD_VERSION: str

__all__ = ["BUILD_VERSION", "build", "load"]


def __getattr__(name: str) -> str:
    """Return BUILD_VERSION, which only a build asks for: it needs the package that CPython is taken from."""
    if name == "BUILD_VERSION":
        return f"1 {foundation_name()}"  # the number changes with what build() stores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
