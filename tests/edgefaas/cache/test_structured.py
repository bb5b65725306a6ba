import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache.structured import Date, Member, StructuredFieldError, Token, parse_dictionary


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("a", {"a": True}),
        ("a=1, b=-2.5, c", {"a": 1, "b": -2.5, "c": True}),
        ("a=1,b=2\t,\tc=3", {"a": 1, "b": 2, "c": 3}),
        ("a=?0;x;y=1, b=?1", {"a": False, "b": True}),
        ('a="x\\"y\\\\", b=tok/en:*', {"a": 'x"y\\', "b": Token("tok/en:*")}),
        ("a=:aGk=:, b=:aGk:", {"a": b"hi", "b": b"hi"}),
        ("a=(1 2;p  tok), b=()", {"a": [1, 2, Token("tok")], "b": []}),
        ("a=@1659578233", {"a": Date(1659578233)}),
        ('a=%"f%c3%bc"', {"a": "fü"}),
        ("a=1, a=2", {"a": 2}),
        ("*a-b_c.d9=1", {"*a-b_c.d9": 1}),
        ("max-age=999999999999999", {"max-age": 999_999_999_999_999}),
    ],
)
def test_a_dictionary_is_read_as_rfc_9651_says(text: str, members: dict[str, Member]) -> None:
    assert parse_dictionary(text) == members


@pytest.mark.parametrize(
    "text",
    [
        "max-age=10000, &&&&&",
        "max-age =100",
        "max-age= 100",
        "MaX-aGe=3600",
        "a,",
        ",a",
        "a,,b",
        "a b",
        "a=",
        'a="x',
        'a="\\n"',
        'a="\u00fc"',
        "a=1.",
        "a=1.2345",
        "a=1000000000000000",
        "a=1234567890123.1",
        "a=?2",
        "a=:!:",
        "a=(1,2)",
        "a=(1",
        "a=@1.5",
        'a=%"%C3%BC"',
        'a=%"%c3"',
        "a=--1",
        "a;B=1",
    ],
)
def test_any_deviation_makes_the_whole_dictionary_invalid(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_dictionary(text)


keys = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
items = st.one_of(
    st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    st.binary(max_size=12),
    st.booleans(),
)


def write(value: int | str | bytes | bool) -> str:
    if isinstance(value, bool):
        return f"?{int(value)}"
    if isinstance(value, bytes):
        return f":{base64.b64encode(value).decode()}:"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


@given(st.dictionaries(keys, items, max_size=5))
def test_what_is_written_is_read_back(members: dict[str, int | str | bytes | bool]) -> None:
    assert parse_dictionary(", ".join(f"{key}={write(value)}" for key, value in members.items())) == members


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(StructuredFieldError):
        parse_dictionary(text)
