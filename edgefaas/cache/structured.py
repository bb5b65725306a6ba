"""Structured field dictionaries, strictly (RFC 9651, 4.2.2; RFC 8941 is a subset).

Pure. Any deviation makes the whole field invalid, which RFC 9213 depends on: an invalid
``CDN-Cache-Control`` is as good as absent. Parameters are parsed (they may be invalid) and dropped.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

_DIGITS = frozenset("0123456789")
_KEY_START = frozenset("abcdefghijklmnopqrstuvwxyz*")
_KEY = _KEY_START | _DIGITS | frozenset("_-.")
_TOKEN_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*")
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~:/")
_BASE64 = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=")
_INTEGER_DIGITS = 15
_DECIMAL_INTEGER_DIGITS = 12
_DECIMAL_FRACTION_DIGITS = 3
_HEX_LOWER = frozenset("0123456789abcdef")
_SPACE, _TILDE = 0x20, 0x7E


class StructuredFieldError(ValueError):
    """The text is not a structured field; never leaves the cache core."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bare word, to be told from a string with the same letters."""

    text: str


@dataclass(frozen=True, slots=True)
class Date:
    """An instant in Unix seconds (RFC 9651, 3.3.7)."""

    unix_s: int


BareItem = int | float | str | bytes | bool | Token | Date
Member = BareItem | list[BareItem]


def parse_dictionary(text: str) -> dict[str, Member]:
    """Return the members of a dictionary in order, parameters dropped.

    ``text`` is the combined field value. Raises StructuredFieldError when any part of it is malformed.
    """
    reader = _Reader(text.strip(" "))
    members: dict[str, Member] = {}
    while not reader.at_end():
        key = reader.key()
        value: Member = True
        if reader.peek() == "=":
            reader.take()
            value = reader.inner_list() if reader.peek() == "(" else reader.bare_item()
        reader.parameters()
        members.pop(key, None)  # the last occurrence wins, in the last place
        members[key] = value
        reader.skip_ows()
        if reader.at_end():
            return members
        reader.expect(",")
        reader.skip_ows()
        if reader.at_end():
            raise StructuredFieldError("trailing comma")
    return members


class _Reader:
    """A position in the text; every method consumes what it names or raises."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def take(self) -> str:
        if self.at_end():
            raise StructuredFieldError("unexpected end")
        self._at += 1
        return self._text[self._at - 1]

    def expect(self, character: str) -> None:
        if self.take() != character:
            raise StructuredFieldError(f"expected {character!r} at {self._at - 1}")

    def skip_ows(self) -> None:
        while self.peek() in (" ", "\t") and not self.at_end():
            self._at += 1

    def _skip_spaces(self) -> None:
        while self.peek() == " ":
            self._at += 1

    def _run(self, allowed: frozenset[str]) -> str:
        start = self._at
        while self.peek() in allowed and not self.at_end():
            self._at += 1
        return self._text[start : self._at]

    def key(self) -> str:
        if self.peek() not in _KEY_START:
            raise StructuredFieldError("a key starts with a lower-case letter or *")
        return self._run(_KEY)

    def parameters(self) -> None:
        while self.peek() == ";":
            self.take()
            self._skip_spaces()
            self.key()
            if self.peek() == "=":
                self.take()
                self.bare_item()

    def inner_list(self) -> list[BareItem]:
        self.expect("(")
        items: list[BareItem] = []
        while True:
            self._skip_spaces()
            if self.peek() == ")":
                self.take()
                return items
            items.append(self.bare_item())
            self.parameters()
            if self.peek() not in (" ", ")"):
                raise StructuredFieldError("items of an inner list are separated by spaces")

    def bare_item(self) -> BareItem:
        first = self.peek()
        if first in _TOKEN_START:
            return Token(self._run(_TOKEN))
        readers: dict[str, Callable[[], BareItem]] = {
            '"': self._string,
            ":": self._bytes,
            "?": self._boolean,
            "@": self._date,
            "%": self._display_string,
        }
        if first == "-" or first in _DIGITS:
            return self._number()
        if first not in readers:
            raise StructuredFieldError(f"no item starts with {first!r}")
        return readers[first]()

    def _date(self) -> Date:
        self.expect("@")
        number = self._number()
        if not isinstance(number, int):
            raise StructuredFieldError("a date is whole seconds")
        return Date(number)

    def _number(self) -> int | float:
        sign = 1
        if self.peek() == "-":
            self.take()
            sign = -1
        whole = self._run(_DIGITS)
        if not whole:
            raise StructuredFieldError("a number without digits")
        if self.peek() != ".":
            if len(whole) > _INTEGER_DIGITS:
                raise StructuredFieldError("an integer of more than 15 digits")
            return sign * int(whole)
        self.take()
        fraction = self._run(_DIGITS)
        if len(whole) > _DECIMAL_INTEGER_DIGITS or not 1 <= len(fraction) <= _DECIMAL_FRACTION_DIGITS:
            raise StructuredFieldError("a decimal out of range")
        return sign * float(f"{whole}.{fraction}")

    def _string(self) -> str:
        self.expect('"')
        characters: list[str] = []
        while (character := self.take()) != '"':
            if character == "\\":
                character = self.take()
                if character not in ('"', "\\"):
                    raise StructuredFieldError("only quotes and backslashes are escaped")
            elif not _SPACE <= ord(character) <= _TILDE:
                raise StructuredFieldError("a string holds printable ASCII")
            characters.append(character)
        return "".join(characters)

    def _bytes(self) -> bytes:
        self.expect(":")
        encoded = self._run(_BASE64)
        self.expect(":")
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
        except binascii.Error as error:
            raise StructuredFieldError("not base64") from error

    def _boolean(self) -> bool:
        self.expect("?")
        match self.take():
            case "1":
                return True
            case "0":
                return False
        raise StructuredFieldError("a boolean is ?0 or ?1")

    def _display_string(self) -> str:
        self.expect("%")
        self.expect('"')
        octets = bytearray()
        while (character := self.take()) != '"':
            if character == "%":
                pair = self.take() + self.take()
                if not set(pair) <= _HEX_LOWER:
                    raise StructuredFieldError("percent-encoding is lower-case hexadecimal")
                octets.append(int(pair, 16))
            elif not _SPACE <= ord(character) <= _TILDE:
                raise StructuredFieldError("a display string holds printable ASCII")
            else:
                octets.append(ord(character))
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError as error:
            raise StructuredFieldError("not UTF-8") from error
