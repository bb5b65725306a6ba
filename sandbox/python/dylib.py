"""Read WebAssembly shared libraries: the sections that linking needs.

Pure. Sources: WebAssembly Core 2.0, section 5.5 (modules); tool-conventions, "Dynamic Linking" (``dylink.0``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.python.instructions import LinkError, leb, signed_leb

FUNCTION, TABLE, MEMORY, GLOBAL = range(4)  # what an import or an export is
CUSTOM, TYPES, IMPORTS, FUNCTIONS, TABLES, MEMORIES, GLOBALS, EXPORTS, START, ELEMENTS, CODE, DATA = range(12)
FUNCTION_NAMES = 1  # subsection of "name"
_MEMORY_INFO = 1  # subsection of dylink.0
_FUNCTION_TYPE = 0x60
_I32_CONST, _F32_CONST, _F64_CONST, _GLOBAL_GET, _I32_ADD, _END = 0x41, 0x43, 0x44, 0x23, 0x6A, 0x0B
_HAS_MAXIMUM = 1  # flag of a table's or memory's limits


@dataclass(frozen=True, slots=True)
class Import:
    """What a library takes from elsewhere. ``type_index`` counts for functions."""

    module: str
    name: str
    kind: int
    type_index: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A global of the library's own. ``value`` is its initial value: constant, relative to ``base``."""

    value_type: int
    mutable: bool
    base: str
    value: int
    literal: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes, or function numbers, at ``offset`` from the library's memory or table base."""

    base: str
    offset: int
    items: bytes | tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Library:
    """A shared library, read."""

    name: str
    memory_bytes: int = 0
    memory_align: int = 1
    table_slots: int = 0
    types: list[bytes] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)
    start: int | None = None
    elements: list[Segment] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    data: list[Segment] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # of functions, for traps to tell

    def imported(self, kind: int) -> list[Import]:
        """Return the imports of a kind: they come first in its numbering."""
        return [one for one in self.imports if one.kind == kind]


def text(data: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends."""
    size, at = leb(data, at)
    return data[at : at + size].decode("utf-8", "replace"), at + size


def read(name: str, wasm: bytes) -> Library:
    """Return a library's parts. Raises LinkError: not a shared library, or with something unknown in it."""
    if wasm[:8] != b"\0asm\x01\0\0\0":
        raise LinkError(f"{name} is no WebAssembly module")
    library = Library(name=name)
    at, shared = 8, False
    try:
        while at < len(wasm):
            section = wasm[at]
            size, begin = leb(wasm, at + 1)
            at = begin + size
            body = wasm[begin:at]
            if section == CUSTOM:
                shared |= _custom(library, body)
            elif section in _READERS:
                _READERS[section](library, body)
            elif section not in (TABLES, MEMORIES):
                raise LinkError(f"{name} has a section of kind {section}")
    except IndexError:
        raise LinkError(f"{name} breaks off") from None
    if not shared:
        raise LinkError(f"{name} is no shared library: it has no dylink.0")
    return library


def _custom(library: Library, body: bytes) -> bool:
    """Read a custom section; whether it is the one that makes a module a shared library."""
    title, at = text(body, 0)
    if title not in ("dylink.0", "name"):
        return False
    while at < len(body):
        kind = body[at]
        size, begin = leb(body, at + 1)
        at = begin + size
        if title == "name" and kind == FUNCTION_NAMES:
            count, begin = leb(body, begin)
            for _ in range(count):
                number, begin = leb(body, begin)
                library.names[number], begin = text(body, begin)
        elif title != "name" and kind == _MEMORY_INFO:
            library.memory_bytes, begin = leb(body, begin)
            align, begin = leb(body, begin)
            library.memory_align = 1 << align
            library.table_slots, begin = leb(body, begin)
    return title == "dylink.0"


def _types(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        begin = at
        if body[at] != _FUNCTION_TYPE:
            raise LinkError(f"{library.name} has a type that is no function's")
        at += 1
        for _half in range(2):
            size, at = leb(body, at)
            at += size
        library.types.append(body[begin:at])


def _imports(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        module, at = text(body, at)
        name, at = text(body, at)
        kind = body[at]
        at += 1
        index = 0
        if kind == FUNCTION:
            index, at = leb(body, at)
        elif kind in (TABLE, MEMORY):
            at += kind == TABLE
            flags = body[at]
            _, at = leb(body, at + 1)
            if flags & _HAS_MAXIMUM:
                _, at = leb(body, at)
        elif kind == GLOBAL:
            at += 2
        else:
            raise LinkError(f"{library.name} imports {name}, of kind {kind}")
        library.imports.append(Import(module, name, kind, index))


def _functions(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        index, at = leb(body, at)
        library.functions.append(index)


def _globals(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        value_type, mutable = body[at], bool(body[at + 1])
        begin = at + 2
        if body[begin] in (_I32_CONST, _GLOBAL_GET):
            base, value, at = _offset(library, body, begin)
            library.cells.append(Cell(value_type, mutable, base, value, b""))
        else:
            at = body.index(_END, begin + {_F32_CONST: 5, _F64_CONST: 9}.get(body[begin], 1)) + 1
            library.cells.append(Cell(value_type, mutable, "", 0, body[begin:at]))


def _exports(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        name, at = text(body, at)
        kind = body[at]
        index, at = leb(body, at + 1)
        library.exports[name] = (kind, index)


def _start(library: Library, body: bytes) -> None:
    library.start = leb(body, 0)[0]


def _offset(library: Library, body: bytes, at: int) -> tuple[str, int, int]:
    """Return base, offset and end of a constant expression: a base, a number, or their sum."""
    base, value = "", 0
    imported = library.imported(GLOBAL)
    while body[at] != _END:
        operation = body[at]
        if operation == _GLOBAL_GET:
            index, at = leb(body, at + 1)
            if index >= len(imported) or base:
                raise LinkError(f"{library.name} has an offset that is not from one base")
            base = imported[index].name
        elif operation == _I32_CONST:
            number, at = signed_leb(body, at + 1)
            value += number
        elif operation == _I32_ADD:
            at += 1
        else:
            raise LinkError(f"{library.name} computes an offset by instruction {operation:#x}")
    return base, value, at + 1


def _elements(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        flags, at = leb(body, at)
        if flags:
            raise LinkError(f"{library.name} has an element segment of kind {flags}")
        base, offset, at = _offset(library, body, at)
        size, at = leb(body, at)
        numbers = []
        for _item in range(size):
            number, at = leb(body, at)
            numbers.append(number)
        library.elements.append(Segment(base, offset, tuple(numbers)))


def _code(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        size, at = leb(body, at)
        library.bodies.append(body[at : at + size])
        at += size


def _data(library: Library, body: bytes) -> None:
    count, at = leb(body, 0)
    for _ in range(count):
        flags, at = leb(body, at)
        if flags:
            raise LinkError(f"{library.name} has a data segment of kind {flags}")
        base, offset, at = _offset(library, body, at)
        size, at = leb(body, at)
        library.data.append(Segment(base, offset, body[at : at + size]))
        at += size


_READERS: dict[int, Callable[[Library, bytes], None]] = {
    TYPES: _types, IMPORTS: _imports, FUNCTIONS: _functions, GLOBALS: _globals, EXPORTS: _exports, START: _start,
    ELEMENTS: _elements, CODE: _code, DATA: _data,
}  # fmt: skip
