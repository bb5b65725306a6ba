"""Where everything of some shared libraries is once they are one module: memory, table, globals, and who means what.

An earlier library's functions win over those of later ones of the same name, in all of them and inside the later
ones, too: so the shim replaces what libc would ask of a system. Pure. Source: tool-conventions, "Dynamic Linking".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sandbox.python.dylib import FUNCTION, GLOBAL, Library
from sandbox.python.instructions import LinkError

PAGE_BYTES = 65_536
_NULL_BYTES = 1024  # below the stack: nothing has the address 0
_ALIGN = 16

Place = tuple[int, int]
"""A library by its place in the list, and a number in it."""

Stub = tuple[str, int]
"""A function that no library has: its name and type."""


@dataclass(slots=True)
class Plan:
    """Where the parts of one library are. What of its globals never changes is a constant."""

    memory_base: int
    table_base: int
    types: list[int]
    globals: dict[int, int] = field(default_factory=dict)
    constants: dict[int, int] = field(default_factory=dict)

    def base(self, name: str) -> int:
        """Return the base that an offset counts from. Raises LinkError."""
        bases = {"": 0, "__memory_base": self.memory_base, "__table_base": self.table_base}
        if name not in bases:
            raise LinkError(f"an offset counts from {name}")
        return bases[name]


class Symbols:
    """The libraries, placed. ``slots`` are the table's entries for functions whose address is taken by name."""

    def __init__(
        self, libraries: Sequence[Library], *, host: str, stack_bytes: int, missing_ok: Callable[[str], bool]
    ) -> None:
        self.libraries = libraries
        self.host = host
        self.missing_ok = missing_ok
        self.types: dict[bytes, int] = {}
        self.slots: dict[Place | Stub, int] = {}
        self.imported = [one.imported(FUNCTION) for one in libraries]
        self._imported_globals = [one.imported(GLOBAL) for one in libraries]
        self._first: dict[str, int] = {}
        self._names: list[dict[int, list[str]]] = []
        for index, library in enumerate(libraries):
            names: dict[int, list[str]] = {}
            for name, (kind, number) in library.exports.items():
                if kind == FUNCTION and number >= len(self.imported[index]):
                    self._first.setdefault(name, index)
                    names.setdefault(number, []).append(name)
            self._names.append(names)
        self.stack_high = aligned(_NULL_BYTES + stack_bytes, _ALIGN)
        self.plans = self._place()

    def _place(self) -> list[Plan]:
        """Give every library its part of memory and table, and types their numbers."""
        plans, at, slot = [], self.stack_high, 1  # slot 0: nothing is called by a null pointer
        for library in self.libraries:
            at = aligned(at, max(_ALIGN, library.memory_align))
            types = [self.types.setdefault(one, len(self.types)) for one in library.types]
            plans.append(Plan(memory_base=at, table_base=slot, types=types))
            at += library.memory_bytes
            slot += library.table_slots
        self.heap_base = aligned(at, _ALIGN)
        self.first_named_slot = slot
        return plans

    def function(self, library: int, number: int) -> Place | Stub:
        """Return the function that a library means by this number. Raises LinkError."""
        imported = self.imported[library]
        if number >= len(imported):
            return self._winner((library, number))
        one = imported[number]
        if one.module == self.host:
            return library, number
        name = one.name if one.module == "env" else f"{one.module}#{one.name}"
        return self.named(name, library, self.plans[library].types[one.type_index])

    def _winner(self, place: Place) -> Place:
        """Return the function that an earlier library has under the same name, if any. Raises LinkError."""
        library, number = place
        for name in self._names[library].get(number, ()):
            first = self._first[name]
            if first == library or name.startswith("_initialize"):
                continue
            winner = first, self.libraries[first].exports[name][1]
            if self.type_of(winner) != self.type_of(place):
                raise LinkError(f"{name} of {self.libraries[first].name} has another type than it replaces")
            return winner
        return place

    def named(self, name: str, asking: int, type_index: int) -> Place | Stub:
        """Return the function of that name. Raises LinkError: no library has it, and it may not be missing."""
        first = self._first.get(name)
        if first is not None:
            return first, self.libraries[first].exports[name][1]
        if not self.missing_ok(name):
            raise LinkError(f"{self.libraries[asking].name} needs {name}, which no library has")
        return name, type_index

    def own(self, library: int, name: str) -> Place | None:
        """Return a library's own function of that name, whoever wins elsewhere."""
        found = self.libraries[library].exports.get(name)
        return None if found is None or found[0] != FUNCTION else (library, found[1])

    def type_of(self, place: Place) -> bytes:
        """Return a function's type."""
        index, number = place
        library = self.libraries[index]
        return library.types[library.functions[number - len(self.imported[index])]]

    def address(self, name: str, asking: int) -> int:
        """Return the address of a datum. Raises LinkError."""
        special = {
            "__heap_base": self.heap_base,
            "__heap_end": aligned(self.heap_base, PAGE_BYTES),
            "__stack_high": self.stack_high,
            "__stack_low": _NULL_BYTES,
        }
        if name in special:
            return special[name]
        for index, library in enumerate(self.libraries):
            kind, number = library.exports.get(name, (FUNCTION, 0))
            number -= len(self._imported_globals[index])
            if kind != GLOBAL or number < 0:
                continue
            cell = library.cells[number]
            if cell.mutable or cell.base or cell.literal:
                raise LinkError(f"{name} of {library.name} has no constant address")
            return self.plans[index].memory_base + cell.value
        if not self.missing_ok(name):
            raise LinkError(f"{self.libraries[asking].name} needs {name}, which no library has")
        return 0

    def place_globals(self, define: Callable[[int, bool, int, bytes], int]) -> None:
        """Find what every library's globals are: constants, the stack pointer (0), or ones to ``define``.

        ``define`` takes type, whether it changes, value, and an expression instead of that. Raises LinkError.
        """
        for index, library in enumerate(self.libraries):
            plan = self.plans[index]
            for number, one in enumerate(self._imported_globals[index]):
                if one.name == "__stack_pointer":
                    plan.globals[number] = 0
                elif one.module == "GOT.mem":
                    plan.constants[number] = self.address(one.name, index)
                elif one.module == "GOT.func":
                    found = self.named(one.name, index, self.types.setdefault(b"\x60\0\0", len(self.types)))
                    slot = self.first_named_slot + len(self.slots)
                    plan.constants[number] = self.slots.setdefault(found, slot)
                else:
                    plan.constants[number] = plan.base(one.name)
            for number, cell in enumerate(library.cells, len(self._imported_globals[index])):
                value = cell.value + plan.base(cell.base)
                if cell.mutable or cell.literal:
                    plan.globals[number] = define(cell.value_type, cell.mutable, value, cell.literal)
                else:
                    plan.constants[number] = value


def aligned(value: int, to: int) -> int:
    """Return the least multiple that is not below the value."""
    return -(-value // to) * to
