"""Put WebAssembly shared libraries together as one module, once per machine: a static linker for ``dylink.0``.

What a loader does at run time (place libraries, find symbols, relocate) is done here, so that an instance is one core
module with one memory, whose every byte can be frozen and put back. Only functions that can be reached are kept.
Pure; deterministic.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.python import dylib
from sandbox.python.dylib import FUNCTION, MEMORY, Library
from sandbox.python.instructions import LinkError, Reference, references, to_leb, to_signed_leb
from sandbox.python.symbols import PAGE_BYTES, Place, Stub, Symbols, aligned

_I32, _FUNCREF, _END, _CALL, _UNREACHABLE = 0x7F, 0x70, 0x0B, 0x10, 0x00
_I32_CONST, _GLOBAL_GET = b"\x41", 0x23
_NOTHING_TO_NOTHING = b"\x60\0\0"
_RELOCATE, _INITIALIZE = "__wasm_apply_data_relocs", "_initialize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The module, and what of it is good to know.

    ``memory`` is what its memory begins with: not in the module, where the engine would map it for every instance.
    ``stubs`` are functions that no library has: calling one traps.
    """

    wasm: bytes
    memory: bytes
    stubs: tuple[str, ...]


def link(
    libraries: Sequence[Library],
    *,
    host: str,
    exports: Sequence[str],
    stack_bytes: int,
    missing_ok: Callable[[str], bool],
) -> Linked:
    """Return one module of the libraries; imports from the module ``host`` stay imports.

    ``exports`` are functions to export, besides ``memory`` and ``_initialize``, which is to be called first. Raises
    LinkError: a symbol is nowhere (and not ``missing_ok``), or a library has what cannot be linked.
    """
    symbols = Symbols(libraries, host=host, stack_bytes=stack_bytes, missing_ok=missing_ok)
    return _Linker(symbols, exports).link()


class _Linker:
    """One run of the linker."""

    def __init__(self, symbols: Symbols, exports: Sequence[str]) -> None:
        self.symbols = symbols
        self.libraries = symbols.libraries
        self.exports = exports
        self.globals = [_global(_I32, True, symbols.stack_high, b"")]  # noqa: FBT003  # as in the binary format
        self.host_imports: list[tuple[str, int]] = []
        self.stubs: dict[Stub, int] = {}
        self.order: list[Place] = []
        self.numbers: dict[Place, int] = {}
        self.references: dict[Place, list[Reference]] = {}

    def link(self) -> Linked:
        """Resolve, keep what is reachable, write."""
        self.symbols.place_globals(self.define_global)
        exported = [self.symbols.named(name, 0, -1) for name in self.exports]
        setup = self.setup()
        elements = [place for segment in self.elements() for place in segment[1]]
        self.reach([*exported, *setup, *elements, *self.symbols.slots])
        wasm = self.write(setup, exported)
        return Linked(wasm=wasm, memory=self.memory(), stubs=tuple(name for name, _ in self.stubs))

    def define_global(self, value_type: int, mutable: bool, value: int, literal: bytes) -> int:  # noqa: FBT001
        """Add a global to the module; return its number."""
        self.globals.append(_global(value_type, mutable, value, literal))
        return len(self.globals) - 1

    def setup(self) -> list[Place]:
        """Return what ``_initialize`` calls: starts, relocations, constructors; the last library first."""
        starts = [(i, one.start) for i, one in enumerate(self.libraries) if one.start is not None]
        found = [
            self.symbols.own(index, name)
            for name in (_RELOCATE, _INITIALIZE)
            for index in reversed(range(len(self.libraries)))
        ]
        return starts + [place for place in found if place is not None]

    def elements(self) -> Iterator[tuple[int, list[Place | Stub]]]:
        """Yield the parts of the table: where they begin, and their functions."""
        for index, library in enumerate(self.libraries):
            for segment in library.elements:
                begin = segment.offset + self.symbols.plans[index].base(segment.base)
                yield begin, [self.symbols.function(index, number) for number in segment.items]

    def reach(self, roots: Sequence[Place | Stub]) -> None:
        """Find the functions that can ever be called, and number them."""
        todo = list(roots)
        seen: set[Place] = set()
        while todo:
            index, number = todo.pop()
            if not isinstance(index, int) or (index, number) in seen:
                continue
            seen.add((index, number))
            imported = len(self.symbols.imported[index])
            if number >= imported:
                found = references(self.libraries[index].bodies[number - imported])
                self.references[index, number] = found
                todo += [self.symbols.function(index, one[3]) for one in found if one[2] == "F"]
        for index, number in sorted(seen):
            if number >= len(self.symbols.imported[index]):
                self.order.append((index, number))
                continue
            one = self.symbols.imported[index][number]
            known = one.name, self.symbols.plans[index].types[one.type_index]
            if known not in self.host_imports:
                self.host_imports.append(known)
            self.numbers[index, number] = self.host_imports.index(known)
        first = len(self.host_imports)
        self.numbers |= {place: first + position for position, place in enumerate(self.order)}

    def number(self, where: Place | Stub) -> int:
        """Return a function's number in the module: host functions, ours, stubs, ``_initialize``."""
        index, number = where
        if isinstance(index, int):
            return self.numbers[index, number]
        first = len(self.host_imports) + len(self.order)
        return first + self.stubs.setdefault((index, number), len(self.stubs))

    def body(self, place: Place) -> bytes:
        """Return a function's body with its numbers rewritten."""
        index, number = place
        plan = self.symbols.plans[index]
        old = self.libraries[index].bodies[number - len(self.symbols.imported[index])]
        parts, at = [], 0
        for begin, end, letter, value in self.references[place]:
            parts.append(old[at:begin])
            at = end
            if letter == "F":
                parts.append(to_leb(self.number(self.symbols.function(index, value))))
            elif letter == "T":
                parts.append(to_leb(plan.types[value]))
            elif letter == "B":
                parts.append(to_signed_leb(plan.types[value]))
            elif value in plan.globals:
                parts.append(bytes([old[begin]]) + to_leb(plan.globals[value]))
            elif old[begin] == _GLOBAL_GET:
                parts.append(_I32_CONST + to_signed_leb(_wrapped(plan.constants[value])))
            else:
                raise LinkError(f"{self.libraries[index].name} changes a constant")
        parts.append(old[at:])
        return b"".join(parts)

    def memory(self) -> bytes:
        """Return what the libraries' data are before anything runs, from address 0 on."""
        memory = bytearray(self.symbols.heap_base)
        for plan, library in zip(self.symbols.plans, self.libraries, strict=True):
            for segment in library.data:
                assert isinstance(segment.items, bytes)
                begin = segment.offset + plan.base(segment.base)
                memory[begin : begin + len(segment.items)] = segment.items
        return bytes(memory)

    def write(self, setup: Sequence[Place], exported: Sequence[Place | Stub]) -> bytes:
        """Return the module. Numbers are given while bodies and table are written, so types and stubs come after."""
        calls = b"".join(bytes([_CALL]) + to_leb(self.number(place)) for place in setup)
        bodies = [self.body(place) for place in self.order]
        elements = [
            _element(begin, [self.number(one) for one in places]) for begin, places in self.elements()
        ]
        elements.append(_element(self.symbols.first_named_slot, list(map(self.number, self.symbols.slots))))
        exports = [
            _name(name) + bytes([FUNCTION]) + to_leb(self.number(where))
            for name, where in zip(self.exports, exported, strict=True)
        ]
        bodies += [bytes([0, _UNREACHABLE, _END])] * len(self.stubs)
        bodies.append(b"\0" + calls + bytes([_END]))
        types = [self.symbols.types[self.symbols.type_of(place)] for place in self.order]
        types += [type_index for _, type_index in self.stubs]
        types.append(self.symbols.types.setdefault(_NOTHING_TO_NOTHING, len(self.symbols.types)))
        initialize = len(self.host_imports) + len(types) - 1
        exports.append(_name("memory") + bytes([MEMORY]) + to_leb(0))
        exports.append(_name(_INITIALIZE) + bytes([FUNCTION]) + to_leb(initialize))
        pages = aligned(self.symbols.heap_base, PAGE_BYTES) // PAGE_BYTES
        slots = to_leb(self.symbols.first_named_slot + len(self.symbols.slots))
        host = _name(self.symbols.host)
        sections = (
            (dylib.TYPES, list(self.symbols.types)),
            (
                dylib.IMPORTS,
                [host + _name(name) + bytes([FUNCTION]) + to_leb(t) for name, t in self.host_imports],
            ),
            (dylib.FUNCTIONS, [to_leb(one) for one in types]),
            (dylib.TABLES, [bytes([_FUNCREF, 1]) + slots + slots]),
            (dylib.MEMORIES, [b"\0" + to_leb(pages)]),
            (dylib.GLOBALS, self.globals),
            (dylib.EXPORTS, exports),
            (dylib.ELEMENTS, elements),
            (dylib.CODE, [_sized(body) for body in bodies]),
        )
        written = (bytes([kind]) + _sized(to_leb(len(items)) + b"".join(items)) for kind, items in sections)
        return b"\0asm\x01\0\0\0" + b"".join(written) + self.names()

    def names(self) -> bytes:
        """Return the section that names functions, so that traps can."""
        names = {self.number(place): self.libraries[place[0]].names.get(place[1], "") for place in self.order}
        names |= {self.number(stub): stub[0] for stub in self.stubs}
        known = [(number, name) for number, name in sorted(names.items()) if name]
        listed = to_leb(len(known)) + b"".join(to_leb(number) + _name(name) for number, name in known)
        return bytes([dylib.CUSTOM]) + _sized(_name("name") + bytes([dylib.FUNCTION_NAMES]) + _sized(listed))


def _wrapped(value: int) -> int:
    """Return an address as the signed number that i32.const takes."""
    return value - (1 << 32) if value >= 1 << 31 else value


def _constant(value: int) -> bytes:
    return _I32_CONST + to_signed_leb(_wrapped(value)) + bytes([_END])


def _global(value_type: int, mutable: bool, value: int, literal: bytes) -> bytes:  # noqa: FBT001
    return bytes([value_type, mutable]) + (literal or _constant(value))


def _element(at: int, numbers: Sequence[int]) -> bytes:
    return b"\0" + _constant(at) + to_leb(len(numbers)) + b"".join(map(to_leb, numbers))


def _sized(data: bytes) -> bytes:
    return to_leb(len(data)) + data


def _name(name: str) -> bytes:
    return _sized(name.encode())
