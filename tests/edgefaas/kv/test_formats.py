"""Files of pairs: three forms in, two forms out."""

import contextlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import KvError
from edgefaas.kv.formats import as_json, as_ndjson, as_plain, read_pairs

texts = st.text()
pairs = st.dictionaries(texts.map(str.encode), st.binary(max_size=50) | texts.map(str.encode)).map(
    lambda found: list(found.items())
)


@given(pairs)
def test_what_is_written_is_read_back_in_both_forms(found: list[tuple[bytes, bytes]]) -> None:
    lines = as_ndjson(found)
    assert read_pairs(lines, name="f") == found
    document = b"".join(as_json(lines.splitlines(keepends=True)))
    assert read_pairs(document, name="f") == found
    assert list(orjson.loads(document)) == ["data"]


def test_cloudfronts_file_a_list_and_a_plain_object_say_the_same() -> None:
    wanted = [(b"a", b"1"), (b"b", "é".encode())]
    data = [{"key": "a", "value": "1"}, {"key": "b", "value": "é"}]
    for plain in ({"data": data}, data, {"a": "1", "b": "é"}):
        assert read_pairs(json.dumps(plain).encode(), name="f") == wanted


def test_one_line_and_no_line_are_files_too() -> None:
    assert read_pairs(b'{"key": "a", "value": "1"}\n', name="f") == [(b"a", b"1")]
    assert read_pairs(b"", name="f") == []
    assert read_pairs(b'{"data": []}', name="f") == []
    assert read_pairs(b'\n{"key": "a", "value": "1"}\n\n{"key": "b", "value": ""}', name="f") == [
        (b"a", b"1"),
        (b"b", b""),
    ]


def test_a_value_that_is_no_text_travels_as_base64() -> None:
    assert as_plain(b"k", b"\xff") == {"key": "k", "value": "/w==", "encoding": "base64"}
    assert as_plain(b"k", b"text") == {"key": "k", "value": "text"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "f, it is not JSON"),
        (b'{"key": "a", "value": "1"}\n{"key"', "f, line 2: "),
        (b'{"data": [{"key": "a", "value": 1}]}', r"pair 1 \('a'\) has a int where a string belongs"),
        (b'{"a": {"b": 1}}', r"pair 1 \('a'\) has a dict"),
        (b'{"data": [{"key": "a"}]}', "pair 1 is not a pair"),
        (b'[{"key": "a", "value": "1", "ttl": 5}]', "pair 1 is not a pair"),
        (b'[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]', "the key 'a' twice"),
        (b'[{"key": "a", "value": "!", "encoding": "base64"}]', "not base64"),
        (b'[{"key": "a", "value": "!", "encoding": "gzip"}]', "encoding 'gzip'"),
        (b"3", "pair 1 is not a pair"),
        (b'{"key": "a", "value": "1"}\n7', "line 2 is not a pair"),
        (b'{"\\ud800": "1"}', "f"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(content: bytes, words: str) -> None:
    with pytest.raises(KvError, match=words) as refused:
        read_pairs(content, name="f")
    assert refused.value.remedy.endswith(".")


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(garbage: bytes) -> None:
    with contextlib.suppress(KvError):
        read_pairs(garbage, name="f")
