"""What may be deployed, and what it is called."""

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control import bundle as bundles
from edgefaas.control.bundle import Bundle
from edgefaas.control.bundle_json import from_json, to_json
from edgefaas.errors import DeployError
from sandbox.contract import Kind, Limits, Source
from tests.edgefaas.control.making import bundle

names = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)
sources = st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4).map(
    lambda files: Source(kind=Kind.JS, files=files, entry=min(files))
)
settled = st.builds(
    Bundle,
    name=names,
    source=sources,
    environment=st.dictionaries(names, st.text(st.characters(codec="utf-8", exclude_characters="\0"))),
    allow=st.lists(
        st.sampled_from(["a.example", "*.b.example", "c.example:8443", "http://d.example:8080"])
    ).map(tuple),
    limits=st.builds(Limits, cpu_ms=st.integers(1, 60_000)),
)


@given(settled)
def test_a_bundle_survives_its_json(made: Bundle) -> None:
    assert from_json(orjson.loads(orjson.dumps(to_json(made)))) == made


@given(settled, settled)
def test_two_bundles_have_one_version_exactly_when_files_and_settings_are_the_same(
    one: Bundle, other: Bundle
) -> None:
    same = replace(one, name="x") == replace(other, name="x")
    assert (one.version == other.version) == same


def test_the_name_is_not_part_of_the_version() -> None:
    assert bundle("one").version == bundle("other").version


def test_the_order_of_files_and_variables_does_not_matter() -> None:
    one = Source(kind=Kind.JS, files={"a.js": b"1", "b.js": b"2"}, entry="a.js")
    other = Source(kind=Kind.JS, files={"b.js": b"2", "a.js": b"1"}, entry="a.js")
    assert (
        Bundle(name="x", source=one, environment={"A": "1", "B": "2"}).version
        == Bundle(name="x", source=other, environment={"B": "2", "A": "1"}).version
    )


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a\\b", "a\nb", "a\0b", "", "x" * 513, "a/"]
)
def test_a_path_that_leaves_the_bundle_or_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(DeployError, match=r"path|entry"):
        Bundle(name="x", source=Source(kind=Kind.JS, files={"i.js": b"", path: b""}, entry="i.js"))


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a" * 64, "../a", "a\n"])
def test_a_name_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(DeployError, match="not a name"):
        bundle(name)


def test_the_longest_name_is_accepted() -> None:
    assert bundle("a" * 63).name == "a" * 63


def test_size_is_refused_one_byte_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "BUNDLE_MAX_BYTES", 10)
    assert bundle(text="x" * 10).size_bytes == 10
    with pytest.raises(DeployError, match="11 bytes; at most 10"):
        bundle(text="x" * 11)


def test_files_are_refused_one_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "FILES_MAX", 2)
    files = {"a": b"", "b": b""}
    assert Bundle(name="x", source=Source(kind=Kind.JS, files=files, entry="a"))
    with pytest.raises(DeployError, match="3 files; at most 2"):
        Bundle(name="x", source=Source(kind=Kind.JS, files={**files, "c": b""}, entry="a"))


@pytest.mark.parametrize("name", list(bundles.LIMIT_RANGES))
def test_each_limit_has_a_least_and_a_greatest_value(name: str) -> None:
    low, high = bundles.LIMIT_RANGES[name]
    for value in (low, high):
        assert bundle(limits=replace(Limits(), **{name: value}))
    for value in (low - 1, high + 1):
        with pytest.raises(DeployError, match=name):
            bundle(limits=replace(Limits(), **{name: value}))


@pytest.mark.parametrize("variable", ["1A", "A-B", "", "A B", "A" * 129])
def test_an_environment_variable_that_cannot_be_one_is_refused(variable: str) -> None:
    with pytest.raises(DeployError, match="environment variable"):
        bundle(environment={variable: "x"})


GOOD = {"name": "x", "kind": "js", "entry": "i.js", "files": {"i.js": base64.b64encode(b"1").decode()}}


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        "text",
        {},
        GOOD | {"name": 3},
        GOOD | {"kind": "exe"},
        GOOD | {"files": {"i.js": "not base64!"}},
        GOOD | {"files": {"i.js": 3}},
        GOOD | {"files": {"i.js": None}},
        GOOD | {"files": []},
        GOOD | {"entry": "other.js"},
        GOOD | {"limits": {"cpu_ms": "many"}},
        GOOD | {"limits": {"cpu_ms": True}},
        GOOD | {"limits": {"unknown": 1}},
        GOOD | {"environment": {"A": 1}},
        GOOD | {"allow": "a.example"},
        GOOD | {"allow": ["not a host!"]},
        GOOD | {"allow": ["*"]},
        GOOD | {"allow": ["ftp://a.example"]},
        GOOD | {"allow": ["https://a.example/path"]},
        GOOD | {"encoding": "xml"},
        GOOD | {"unknown": 1},
    ],
)
def test_json_that_is_no_function_is_refused_with_a_remedy(plain: Any) -> None:
    with pytest.raises(DeployError) as refusal:
        from_json(plain)
    assert str(refusal.value)
    assert refusal.value.remedy.endswith((".", "]."))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*GOOD, "limits", "environment", "allow", "encoding"]), json_values))
def test_any_json_is_a_function_or_refused_and_nothing_else(change: dict[str, Any]) -> None:
    try:
        made = from_json(GOOD | change)
    except DeployError:
        return
    assert made.version
