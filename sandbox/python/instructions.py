"""Walk through WebAssembly code: numbers as they are written, and where a function's body names things by number.

Pure. Source: WebAssembly Core 2.0, sections 5.2.2 (LEB128) and 5.4 (instructions). What is not known here (vectors,
threads, exceptions) is refused, never guessed.
"""

# How to step over an instruction, by its first byte: a letter per immediate. F function, T type, G global, B a block's
# type, l any other LEB128, v a vector of them and one more, t a vector of types, 4 and 8 bytes of a number.
_STEPS: dict[int, str] = {
    **dict.fromkeys((0x02, 0x03, 0x04), "B"), **dict.fromkeys((0x0C, 0x0D), "l"), 0x0E: "v",
    0x10: "F", 0x11: "Tl", 0x12: "F", 0x13: "Tl", 0x1C: "t",
    **dict.fromkeys((0x20, 0x21, 0x22, 0x25, 0x26), "l"), **dict.fromkeys((0x23, 0x24), "G"),
    **dict.fromkeys(range(0x28, 0x3F), "ll"), 0x3F: "l", 0x40: "l", 0x41: "l", 0x42: "l", 0x43: "4", 0x44: "8",
    **dict.fromkeys((0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, 0xD1, *range(0x45, 0xC5)), ""),
    0xD0: "l", 0xD2: "F",
}  # fmt: skip
_PREFIX = 0xFC
_PREFIXED: dict[int, str] = {
    **dict.fromkeys(range(8), ""), 10: "ll", 11: "l", 14: "ll", 15: "l", 16: "l", 17: "l",
}  # fmt: skip
_PAYLOAD, _MORE, _SIGN = 0x7F, 0x80, 0x40  # the parts of a byte of LEB128

Reference = tuple[int, int, str, int]
"""From, to, letter, number. For globals ``from`` is the instruction, whose byte tells a read from a write."""


class LinkError(Exception):
    """A library is not what this linker can put together; the message says what it met."""


def leb(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & _PAYLOAD) << shift
        if byte < _MORE:
            return value, at
        shift += 7


def signed_leb(data: bytes, at: int) -> tuple[int, int]:
    """Return a signed number and where it ends."""
    begin = at
    value, at = leb(data, at)
    bits = 7 * (at - begin)
    return (value - (1 << bits) if data[at - 1] & _SIGN else value), at


def to_leb(value: int) -> bytes:
    """Return an unsigned number as it is written."""
    done = bytearray()
    while value > _PAYLOAD:
        done.append(value & _PAYLOAD | _MORE)
        value >>= 7
    done.append(value)
    return bytes(done)


def to_signed_leb(value: int) -> bytes:
    """Return a signed number as it is written."""
    done = bytearray()
    while not -_SIGN <= value < _SIGN:
        done.append(value & _PAYLOAD | _MORE)
        value >>= 7
    done.append(value & _PAYLOAD)
    return bytes(done)


def references(body: bytes) -> list[Reference]:
    """Return where a function's body names functions, types and globals. Raises LinkError."""
    found: list[Reference] = []
    steps, end = _STEPS, len(body)
    at = _after_locals(body)
    while at < end:
        operation, here = body[at], at
        at += 1
        shape = steps.get(operation)
        if shape is None:
            shape, at = _prefixed(body, operation, at)
        for letter in shape:
            if letter == "l":
                while body[at] >= _MORE:
                    at += 1
                at += 1
            elif letter in "FTG":
                begin = at
                number, at = leb(body, at)
                found.append((here if letter == "G" else begin, at, letter, number))
            else:
                at = _rarer(body, letter, at, found)
    return found


def _after_locals(body: bytes) -> int:
    groups, at = leb(body, 0)
    for _ in range(groups):
        _, at = leb(body, at)
        at += 1
    return at


def _prefixed(body: bytes, operation: int, at: int) -> tuple[str, int]:
    """Return the shape of an instruction of two parts, and where its immediates begin. Raises LinkError."""
    second, shape = 0, None
    if operation == _PREFIX:
        second, at = leb(body, at)
        shape = _PREFIXED.get(second)
    if shape is None:
        raise LinkError(f"instruction {operation:#x} {second} is not known to the linker")
    return shape, at


def _rarer(body: bytes, letter: str, at: int, found: list[Reference]) -> int:
    """Step over an immediate that is not one plain number; return where it ends."""
    if letter == "B":
        number, end = signed_leb(body, at)
        if number >= 0:  # else one of the value types, or none
            found.append((at, end, "B", number))
        return end
    if letter in "48":
        return at + int(letter)
    count, at = leb(body, at)
    if letter == "t":
        return at + count
    for _ in range(count + 1):
        _, at = leb(body, at)
    return at
