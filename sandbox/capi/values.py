"""Values of the component model, to and from the library's ``wasmtime_component_val_t`` (32 bytes each).

Reading gives plain Python: bool, int, float, str, bytes (``list<u8>``), list, tuple, dict (record), None or the payload
(option). What Python cannot tell apart has a class here. Bytes cost 2 ns each, not the 65 of boxing them singly.
"""

import ctypes
import struct
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.capi import library as c
from sandbox.capi.faults import check

VAL_BYTES = 32
_ENTRY_BYTES = 48  # wasmtime_component_valrecord_entry_t: a name, a value
_BOOL, _S8, _U8, _S16, _U16, _S32, _U32, _S64, _U64, _F32, _F64, _CHAR = range(12)
_STRING, _LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT, _FLAGS, _RESOURCE = range(12, 22)
_NUMBERS = {
    _BOOL: "?", _S8: "b", _U8: "B", _S16: "h", _U16: "H", _S32: "i", _U32: "I", _S64: "q", _U64: "Q", _F32: "f",
    _F64: "d",
}  # fmt: skip
_words = struct.Struct("<QQQ")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a given width: ``kind`` is u8, u16, u32, u64, s32, s64 or f64."""

    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A case of a variant, with its payload if it has one."""

    case: str
    payload: object = None


@dataclass(frozen=True, slots=True)
class Enum:
    """A case of an enum."""

    case: str


@dataclass(frozen=True, slots=True)
class Some:
    """An option that holds something; None is the other."""

    payload: object


@dataclass(frozen=True, slots=True)
class Ok:
    """The good side of a result."""

    payload: object = None


@dataclass(frozen=True, slots=True)
class Err:
    """The bad side of a result."""

    payload: object = None


@dataclass(frozen=True, slots=True)
class Own:
    """A resource of the host's that the guest is to own: its number among those of its type."""

    rep: int
    type_number: int


class GuestValueError(Exception):
    """A guest passed more than any host function takes, or a kind of value that none does."""


VALUES_MAX = 1_024  # in the arguments of one call: 2 µs each
OCTETS_MAX = 64 * 1024  # of one list or string


class _Budget:
    """How many values the call whose arguments are read may still have."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = VALUES_MAX


_budget = _Budget()
_KINDS = {"u8": _U8, "u16": _U16, "u32": _U32, "u64": _U64, "s32": _S32, "s64": _S64, "f64": _F64}
NOTHING = object()  # an option without payload


def decode_arguments(context: int, address: int, count: int) -> list[object]:
    """Read the arguments of a call. Raises GuestValueError: their types are the guest's own, and their sizes."""
    _budget.left = VALUES_MAX - count
    return [decode(context, address + VAL_BYTES * at) for at in range(count)]


def _spend(count: int) -> None:
    _budget.left -= count
    if _budget.left < 0:
        raise GuestValueError(f"it passed more than {VALUES_MAX} values in one call")


def decode(context: int, address: int) -> object:
    """Read one value; resources come as the number (rep) the host gave them."""
    raw = ctypes.string_at(address, VAL_BYTES)
    kind = raw[0]
    if kind in _NUMBERS:
        return struct.unpack_from("<" + _NUMBERS[kind], raw, 8)[0]
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise GuestValueError("it passed a kind of value that no host function takes")
    return decoder(context, *_words.unpack_from(raw, 8))


def _decode_tuple(context: int, count: int, data: int, _third: int) -> object:
    _spend(count)
    return tuple(decode(context, data + VAL_BYTES * at) for at in range(count))


def _decode_variant(context: int, size: int, data: int, payload: int) -> object:
    return Variant(_text(size, data), decode(context, payload) if payload else None)


def _decode_result(context: int, is_ok: int, payload: int, _third: int) -> object:
    value = decode(context, payload) if payload else None
    return Ok(value) if is_ok & 0xFF else Err(value)


def _decode_record(context: int, count: int, data: int, _third: int) -> object:
    _spend(count)
    entries = (data + _ENTRY_BYTES * at for at in range(count))
    return {_text(*_words.unpack(ctypes.string_at(at, 24))[:2]): decode(context, at + 16) for at in entries}


def _decode_flags(_context: int, count: int, data: int, _third: int) -> object:
    _spend(count)
    return {_text(*struct.unpack("<QQ", ctypes.string_at(data + 16 * at, 16))) for at in range(count)}


def _decode_list(context: int, count: int, data: int, _third: int) -> object:
    if not count:
        return b""  # an empty list of whatever it is; equal to no bytes, and iterates like an empty list
    if ctypes.string_at(data, 1)[0] == _U8:
        _check_octets(count)
        return ctypes.string_at(data, count * VAL_BYTES)[8::VAL_BYTES]
    _spend(count)
    return [decode(context, data + VAL_BYTES * at) for at in range(count)]


def _check_octets(count: int) -> None:
    if count > OCTETS_MAX:
        raise GuestValueError(f"it passed {count} bytes at once; at most {OCTETS_MAX} are taken")


def _text(size: int, data: int) -> str:
    _check_octets(size)
    return ctypes.string_at(data, size).decode("utf-8", "replace") if size else ""


def _rep(context: int, resource: int) -> int:
    """Return the host's number of a resource; an owned one is the host's again."""
    host = ctypes.c_void_p()
    check(c.resource_any_to_host(context, resource, ctypes.addressof(host)))
    rep: int = c.resource_host_rep(host.value)
    c.resource_host_delete(host.value)
    return rep


_DECODERS: dict[int, Callable[[int, int, int, int], object]] = {
    _CHAR: lambda _context, value, _second, _third: chr(value & 0x1F_FFFF),
    _STRING: lambda _context, size, data, _third: _text(size, data),
    _LIST: _decode_list,
    _RECORD: _decode_record,
    _TUPLE: _decode_tuple,
    _VARIANT: _decode_variant,
    _ENUM: lambda _context, size, data, _third: Enum(_text(size, data)),
    _OPTION: lambda context, payload, _second, _third: decode(context, payload) if payload else None,
    _RESULT: _decode_result,
    _FLAGS: _decode_flags,
    _RESOURCE: lambda context, resource, _second, _third: _rep(context, resource),
}


def encode(context: int, address: int, value: object) -> None:
    """Write one value over the memory at an address; the library takes what is allocated."""
    _ENCODERS[type(value)](context, address, value)


def delete(address: int) -> None:
    """Give back what ``encode`` allocated, where the library has only copied it: the arguments of a call."""
    c.component_val_delete(address)


def _put(address: int, kind: int, payload: bytes) -> None:
    ctypes.memmove(address, bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + payload, 8 + len(payload))


def _put_text(address: int, text: str) -> None:
    data = text.encode()
    c.byte_vec_new(address, len(data), data)


def _boxed(context: int, value: object) -> int:
    """Return the address of a value on the library's heap; 0 for none."""
    if value is None:
        return 0
    space = ctypes.create_string_buffer(VAL_BYTES)
    encode(context, ctypes.addressof(space), None if value is NOTHING else value)
    box: int = c.component_val_new(ctypes.addressof(space))
    return box


def _encode_bool(_context: int, address: int, value: object) -> None:
    _put(address, _BOOL, bytes((bool(value),)))


def _encode_number(_context: int, address: int, value: object) -> None:
    assert isinstance(value, Number)
    kind = _KINDS[value.kind]
    _put(address, kind, struct.pack("<" + _NUMBERS[kind], value.value))


def _encode_str(_context: int, address: int, value: object) -> None:
    _put(address, _STRING, b"")
    _put_text(address + 8, str(value))


def _encode_bytes(_context: int, address: int, value: object) -> None:
    assert isinstance(value, bytes)
    size = len(value)
    _put(address, _LIST, b"")
    c.vallist_new_uninit(address + 8, size)
    if size:
        cells = bytearray(size * VAL_BYTES)
        cells[0::VAL_BYTES] = bytes((_U8,)) * size
        cells[8::VAL_BYTES] = value
        ctypes.memmove(_data(address), bytes(cells), len(cells))


def _encode_list(context: int, address: int, value: object) -> None:
    assert isinstance(value, list)
    _put(address, _LIST, b"")
    c.vallist_new_uninit(address + 8, len(value))
    _fill(context, address, value)


def _encode_tuple(context: int, address: int, value: object) -> None:
    assert isinstance(value, tuple)
    _put(address, _TUPLE, b"")
    c.valtuple_new_uninit(address + 8, len(value))
    _fill(context, address, list(value))


def _fill(context: int, address: int, values: list[object]) -> None:
    data = _data(address)
    for at, each in enumerate(values):
        encode(context, data + VAL_BYTES * at, each)


def _data(address: int) -> int:
    found: int = struct.unpack("<Q", ctypes.string_at(address + 16, 8))[0]
    return found


def _encode_record(context: int, address: int, value: object) -> None:
    assert isinstance(value, dict)
    _put(address, _RECORD, b"")
    c.valrecord_new_uninit(address + 8, len(value))
    data = _data(address)
    for at, (name, each) in enumerate(value.items()):
        _put_text(data + _ENTRY_BYTES * at, name)
        encode(context, data + _ENTRY_BYTES * at + 16, each)


def _encode_variant(context: int, address: int, value: object) -> None:
    assert isinstance(value, Variant)
    _put(address, _VARIANT, bytes(16) + struct.pack("<Q", _boxed(context, value.payload)))
    _put_text(address + 8, value.case)


def _encode_enum(_context: int, address: int, value: object) -> None:
    assert isinstance(value, Enum)
    _put(address, _ENUM, b"")
    _put_text(address + 8, value.case)


def _encode_none(_context: int, address: int, _value: object) -> None:
    _put(address, _OPTION, bytes(8))


def _encode_some(context: int, address: int, value: object) -> None:
    assert isinstance(value, Some)
    _put(address, _OPTION, struct.pack("<Q", _boxed(context, value.payload)))


def _encode_result(context: int, address: int, value: object) -> None:
    assert isinstance(value, Ok | Err)
    _put(address, _RESULT, struct.pack("<QQ", isinstance(value, Ok), _boxed(context, value.payload)))


def _encode_own(context: int, address: int, value: object) -> None:
    assert isinstance(value, Own)
    host: int = c.resource_host_new(True, value.rep, value.type_number)  # noqa: FBT003  # C has no names
    any_resource = ctypes.c_void_p()
    error = c.resource_host_to_any(context, host, ctypes.addressof(any_resource))
    c.resource_host_delete(host)
    check(error)
    _put(address, _RESOURCE, struct.pack("<Q", any_resource.value or 0))


_ENCODERS: dict[type, Callable[[int, int, object], None]] = {
    bool: _encode_bool,
    Number: _encode_number,
    str: _encode_str,
    bytes: _encode_bytes,
    list: _encode_list,
    tuple: _encode_tuple,
    dict: _encode_record,
    Variant: _encode_variant,
    Enum: _encode_enum,
    type(None): _encode_none,
    Some: _encode_some,
    Ok: _encode_result,
    Err: _encode_result,
    Own: _encode_own,
}
