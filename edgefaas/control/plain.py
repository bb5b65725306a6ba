"""Frozen values ↔ plain ones (dict, list, str, int, float, bool, bytes, None) for the control channel.

Pure. Decoding goes by the declared types, so a value comes back equal; nothing is executed, unlike pickle.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Set
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar, Union

T = TypeVar("T")

_CLASS = "!"  # the key that names a dataclass; no field can be called so


def to_plain(value: object) -> Any:
    """Return ``value`` as plain values. Raises TypeError for a type that the channel does not carry."""
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {_CLASS: type(value).__name__} | {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, (Enum, PurePath)):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, Mapping):
        return {to_plain(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot travel over the control channel")


def from_plain(hint: type[T], plain: Any) -> T:
    """Return the value of type ``hint`` that ``plain`` stands for. Raises TypeError, ValueError."""
    result: T = _decode(hint, plain)
    return result


def _decode(hint: Any, plain: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(arguments, plain)
    if origin is not None:
        return _decode_container(origin, arguments, plain)
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, plain)
    if isinstance(hint, type) and issubclass(hint, (Enum, PurePath)):
        return hint(plain)
    if hint is float and type(plain) is int:
        return plain
    if hint not in (Any, object) and not isinstance(plain, hint):
        raise TypeError(f"{type(plain).__name__} where {hint.__name__} belongs")
    return plain


def _decode_union(options: tuple[Any, ...], plain: Any) -> Any:
    if plain is None and type(None) in options:
        return None
    options = tuple(option for option in options if option is not type(None))
    if isinstance(plain, dict) and _CLASS in plain:
        options = tuple(option for option in options if getattr(option, "__name__", "") == plain[_CLASS])
    if len(options) != 1:
        raise TypeError(f"no single type for {type(plain).__name__}")
    return _decode(options[0], plain)


def _decode_container(origin: Any, arguments: tuple[Any, ...], plain: Any) -> Any:
    if issubclass(origin, Mapping):
        key, item = arguments
        if not isinstance(plain, dict):
            raise TypeError(f"{type(plain).__name__} where a mapping belongs")
        return {_decode(key, k): _decode(item, v) for k, v in plain.items()}
    if not isinstance(plain, list):
        raise TypeError(f"{type(plain).__name__} where a list belongs")
    if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
        return tuple(_decode(hint, item) for hint, item in zip(arguments, plain, strict=True))
    made = (_decode(arguments[0], item) for item in plain)
    if issubclass(origin, tuple):
        return tuple(made)
    return frozenset(made) if issubclass(origin, Set) else list(made)


def _decode_dataclass(hint: Any, plain: Any) -> Any:
    if not isinstance(plain, dict) or plain.get(_CLASS) != hint.__name__:
        raise TypeError(f"not a {hint.__name__}")
    hints = _hints(hint)
    return hint(**{name: _decode(hints[name], item) for name, item in plain.items() if name != _CLASS})


@functools.cache
def _hints(hint: Any) -> dict[str, Any]:
    return typing.get_type_hints(hint)
