"""Host functions that take what they are given for what a stranger made of it.

A component says itself which types the functions that it imports have; the engine only checks that it keeps to them. So
any argument may be of any type, any handle of another resource, and what comes of that is the guest's fault.
"""

from dataclasses import replace

from sandbox.capi.component import HostFunction, Interface
from sandbox.guest import GuestFaultError

_MISFITS = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError
)  # fmt: skip


def checked(interface: Interface) -> Interface:
    """Return an interface whose functions raise GuestFaultError for arguments that they cannot use."""
    return replace(
        interface,
        functions={name: _checked(name, call) for name, call in interface.functions.items()},
        suspending={name: _checked(name, call) for name, call in interface.suspending.items()},
    )


def _checked(name: str, call: HostFunction) -> HostFunction:
    def function(*arguments: object) -> object:
        try:
            return call(*arguments)
        except _MISFITS as error:
            raise GuestFaultError(
                f"it called {name} with what that does not take ({type(error).__name__})"
            ) from error

    return function
