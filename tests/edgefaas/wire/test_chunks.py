"""The chunked coding, as pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.message import Headers
from edgefaas.wire.chunks import LAST_CHUNK, OVERHEAD_LIMIT_BYTES, ChunkedDecoder, encode_chunk
from edgefaas.wire.fields import FieldBlock, WireHeaders
from edgefaas.wire.grammar import FramingError


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(1, 30)), st.binary(max_size=20))
def test_what_was_encoded_comes_back_however_it_is_cut(
    pieces: list[bytes], sizes: list[int], rest: bytes
) -> None:
    coded = b"".join(map(encode_chunk, pieces)) + LAST_CHUNK
    octets = coded + rest
    decoder, payload, position = ChunkedDecoder(), b"", 0
    for size in [*sizes, len(octets)]:
        part = octets[position : position + size]
        found, used = decoder.feed(part)
        payload += b"".join(found)
        position += used
        if decoder.done:
            break
        assert used == len(part)
    assert decoder.done
    assert payload == b"".join(pieces)
    assert position == len(coded)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_nothing_else_than_a_framing_error_is_raised(parts: list[bytes]) -> None:
    decoder = ChunkedDecoder()
    for part in parts:
        try:
            _, used = decoder.feed(part)
        except FramingError:
            return
        assert used <= len(part)
        if decoder.done:
            return


@pytest.mark.parametrize(("extra", "accepted"), [(0, True), (1, False)])
def test_extensions_have_a_limit_over_the_whole_body(*, extra: int, accepted: bool) -> None:
    line = b"1;" + b"a" * 1023 + b"\r\nx\r\n"
    octets = line * (OVERHEAD_LIMIT_BYTES // 1024) + (b"0;" if extra else b"0") + b"\r\n\r\n"
    if accepted:
        assert sum(map(len, ChunkedDecoder().feed(octets)[0])) == OVERHEAD_LIMIT_BYTES // 1024
    else:
        with pytest.raises(FramingError, match="extensions"):
            ChunkedDecoder().feed(octets)


names = st.sampled_from(["A", "a", "X-B", "x-b", "Host"])
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=5)


@given(st.lists(st.tuples(names, values)), st.lists(st.tuples(st.sampled_from("gvcasr"), names, values)))
def test_fields_decoded_late_behave_like_plain_ones(
    lines: list[tuple[str, str]], steps: list[tuple[str, str, str]]
) -> None:
    lines = [(name, value.strip("\x85\xa0")) for name, value in lines]
    block = FieldBlock("".join(f"{name}: {value}\r\n" for name, value in lines).encode("latin-1"))
    plain, lazy, untouched = Headers(lines), WireHeaders(block), WireHeaders(block)
    for step, name, value in steps:
        lower = name.lower()
        if step == "g":
            assert lazy.get(lower) == plain.get(lower)
        elif step == "v":
            assert lazy.values(lower) == plain.values(lower)
        elif step == "c":
            assert (lower in lazy) == (lower in plain)
            assert lazy.copy() == plain
        else:
            for headers in (plain, lazy):
                if step == "a":
                    headers.add(name, value)
                elif step == "s":
                    headers.set(name, value)
                else:
                    headers.remove(lower)
        assert list(lazy) == list(plain)
        assert len(lazy) == len(plain)
    assert list(untouched) == lines
