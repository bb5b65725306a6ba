"""What a core module imports, exports and needs: read from its binary, before anything runs.

Pure. Reads the type, import, function, memory and export sections (WebAssembly Core 2.0, section 5.5) of a
module that the engine has accepted as valid; what is malformed is refused all the same. Used to give
authors the whole list of what is wrong in their own terms.

"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sandbox.errors import CompileError, ForbiddenImportError, MissingExportError

MAGIC = b"\0asm"
_CORE_VERSION = b"\1\0\0\0"
_VALUE_TYPES = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}
_EXTERNS = {0: "func", 1: "table", 2: "memory", 3: "global", 4: "tag"}
_TYPE, _IMPORT, _FUNCTION, _MEMORY, _EXPORT = 1, 2, 3, 5, 7
_FUNCTION_TYPE = 0x60
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """Imports as (module, name, what), exports as name → what; a function is described by its signature."""

    imports: tuple[tuple[str, str, str], ...] = ()
    exports: dict[str, str] = field(default_factory=dict)
    memory_pages: int = 0

    def has_function(self, name: str, signature: str) -> bool:
        """Whether a function of that signature is exported."""
        return self.exports.get(name) == signature


class _Reader:
    """Reads the primitives of the binary format. Raises ValueError or IndexError when there is no more."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def finished(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  # the last byte of a LEB128 number
                return value
            shift += 7
            if shift > 63:  # noqa: PLR2004  # longer than any number of the format
                raise ValueError("number too long")

    def take(self, length: int) -> bytes:
        if length > len(self._data) - self._at:
            raise ValueError("unexpected end")
        self._at += length
        return self._data[self._at - length : self._at]

    def name(self) -> str:
        return self.take(self.number()).decode()

    def limits(self) -> int:
        """Return the minimum."""
        flags = self.byte()
        least = self.number()
        if flags & 1:
            self.number()
        return least

    def value_types(self) -> str:
        return ", ".join(_VALUE_TYPES.get(self.byte(), "?") for _ in range(self.number()))


def describe(wasm: bytes) -> ModuleFacts:
    """Return what a core module imports and exports. Raises CompileError when it is not one."""
    if wasm[:4] != MAGIC:
        raise CompileError("this is no WebAssembly module", remedy="Deploy a .wasm or .wat file.")
    if wasm[4:8] != _CORE_VERSION:
        raise CompileError(
            "this is a WebAssembly component, not a core module",
            remedy='Set kind = "http", or build a core module.',
        )
    try:
        return _describe(_Reader(wasm[8:]))
    except (ValueError, IndexError, KeyError) as error:
        raise CompileError(f"the module is malformed: {error}", remedy="Build it again.") from error


def _describe(reader: _Reader) -> ModuleFacts:
    types: list[str] = []
    functions: list[str] = []
    imports: list[tuple[str, str, str]] = []
    exports: dict[str, str] = {}
    pages = 0
    while not reader.finished:
        kind = reader.byte()
        section = _Reader(reader.take(reader.number()))
        if kind == _TYPE:
            types = [_function_type(section) for _ in range(section.number())]
        elif kind == _IMPORT:
            for _ in range(section.number()):
                module, name, what = section.name(), section.name(), section.byte()
                described = _import(section, what, types)
                if what == 0:
                    functions.append(described)
                imports.append((module, name, described))
        elif kind == _FUNCTION:
            functions += [types[section.number()] for _ in range(section.number())]
        elif kind == _MEMORY and section.number():
            pages = section.limits()
        elif kind == _EXPORT:
            for _ in range(section.number()):
                name, what, index = section.name(), section.byte(), section.number()
                exports[name] = functions[index] if what == 0 else _EXTERNS[what]
    return ModuleFacts(imports=tuple(imports), exports=exports, memory_pages=pages)


def _function_type(section: _Reader) -> str:
    if section.byte() != _FUNCTION_TYPE:
        raise ValueError("a type that is no function")
    return f"({section.value_types()}) -> {_results(section.value_types())}"


def _results(types: str) -> str:
    return types if types and ", " not in types else f"({types})"


def _import(section: _Reader, what: int, types: list[str]) -> str:
    if what == 0:
        return types[section.number()]
    if what == 1:
        section.byte()
    if what in (1, 2):
        section.limits()
    elif what == 3:  # noqa: PLR2004  # a global: its type and whether it may change
        section.take(2)
    return _EXTERNS[what]


def check_imports(facts: ModuleFacts, offered: Collection[tuple[str, str]]) -> None:
    """Raise ForbiddenImportError naming every import that is not offered."""
    forbidden = [f"{module}.{name}" for module, name, _ in facts.imports if (module, name) not in offered]
    if forbidden:
        more = len(forbidden) - _NAMED_MAX
        some = ", ".join(forbidden[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
        raise ForbiddenImportError(
            f"the module imports {some}, which the sandbox does not offer",
            remedy="Build for wasm32-wasi (preview 1); docs/guest-abi.md lists what may be imported.",
        )


def check_exports(facts: ModuleFacts, needs: Iterable[tuple[str, str]]) -> None:
    """Raise MissingExportError for the first export that lacks or has another signature."""
    for name, signature in needs:
        found = facts.exports.get(name)
        if found != signature:
            has = "lacks" if found is None else f"has {found} as"
            raise MissingExportError(
                f"the module {has} export {name!r}; its kind needs {signature}",
                remedy=f"Export {name} as {signature}; see docs/guest-abi.md.",
            )
