"""Inputs made of other inputs: bits turned, bytes replaced, pieces cut, doubled and put together."""

import random

LENGTH_MAX = 8_192
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x1FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def mutated(chance: random.Random, corpus: list[bytes], words: tuple[bytes, ...], step: int = 1) -> bytes:
    """Return an input like one of the corpus; ``words`` are put in at multiples of ``step``."""
    data = bytearray(chance.choice(corpus))
    for _ in range(1 << chance.randrange(5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[at % len(data)] = chance.randrange(256)
            case 2:
                size = chance.choice((1, 2, 4, 8))
                number = chance.choice(_NUMBERS) & (1 << 8 * size) - 1
                data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
            case 3:
                del data[at : at + chance.randrange(1, 40)]
            case 4:
                data[at:at] = data[at : at + chance.randrange(1, 60)]
            case 5 if words:
                word, at = chance.choice(words), at - at % step
                data[at : at + chance.choice((0, len(word)))] = word
            case _:
                other = chance.choice(corpus)
                data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data[:LENGTH_MAX])
