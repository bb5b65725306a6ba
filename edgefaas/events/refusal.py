"""How a function's output is refused: one sentence that names the field, one that says what to do."""

from typing import NoReturn

from edgefaas.errors import FunctionValidationError
from edgefaas.site import Trigger


def refuse(trigger: Trigger, message: str, remedy: str) -> NoReturn:
    """Raise FunctionValidationError; the function's author is at fault, the viewer gets 502."""
    raise FunctionValidationError(f"{trigger.value} function: {message}", remedy=remedy)
