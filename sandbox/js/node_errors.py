"""Errors that JavaScript gets as Node's: with a code, which its library (lib/) takes from the text."""

from sandbox.contract import HostCallError


def node_error(code: str, message: str) -> HostCallError:
    """Return what the author did wrong as ``NODE_ERROR_CODE: message``."""
    return HostCallError(f"{code}: {message}")
