"""What a guest may ask of pairs: who may, what it gets, and what it is told when it may not."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.errors import KvAccessError, KvNotFoundError, StateError
from edgefaas.kv.memory import MemoryPairs, MemoryStore
from edgefaas.kv.operations import LIST_MAX, GuestPairs, PairReader, find
from edgefaas.site import KvNamespace
from sandbox.contract import HostCallError, Kind

SITE = {
    "moved": KvNamespace(name="moved", ids=("aaaa-bbbb",)),
    "visits": KvNamespace(name="visits", readers=("count",), writers=("count",)),
    "open": KvNamespace(name="open", writers=("*",)),
}
_reader: type[PairReader] = MemoryStore


def function(*kv: str, name: str = "f") -> LiveFunction:
    return LiveFunction(name=name, version="", kind=Kind.JS, artifact="", kv=kv)


def call(pairs: MemoryPairs, operation: str, payload: bytes, who: LiveFunction | None = None) -> bytes:
    """Do an operation as a guest does; one that waits is waited for."""
    store = MemoryStore(dict.fromkeys(SITE, pairs))
    guests = GuestPairs(SITE, lambda: store, store.write_for)
    answer = guests.operations()[operation](who or function("open", "moved"), payload)

    async def awaited(waits: Awaitable[bytes]) -> bytes:
        return await waits

    return answer if isinstance(answer, bytes) else asyncio.run(awaited(answer))


def refusal(pairs: MemoryPairs, operation: str, payload: bytes, who: LiveFunction | None = None) -> str:
    with pytest.raises(HostCallError) as refused:
        call(pairs, operation, payload, who)
    return str(refused.value)


def test_the_first_namespace_is_meant_where_none_is_named() -> None:
    assert find(SITE, function("visits", "moved", name="count"), "").name == "visits"


@pytest.mark.parametrize("wanted", ["moved", "aaaa-bbbb", "arn:aws:cloudfront::1:key-value-store/aaaa-bbbb"])
def test_a_namespace_goes_by_its_name_its_id_and_its_arn(wanted: str) -> None:
    assert find(SITE, function("open", "moved"), wanted).name == "moved"


@given(
    names=st.lists(st.sampled_from([*SITE, "gone"]), unique=True),
    who=st.sampled_from(["count", "f"]),
    wanted=st.sampled_from(["", *SITE, "gone", "aaaa-bbbb", "other"]),
    write=st.booleans(),
)
def test_a_function_gets_what_it_names_and_the_site_grants_and_nothing_else(
    names: list[str], who: str, wanted: str, write: bool
) -> None:
    name = {"aaaa-bbbb": "moved"}.get(wanted, wanted) or (names[0] if names else "")
    granted = name in SITE and {who, "*"} & set(SITE[name].writers if write else SITE[name].readers)
    try:
        found = find(SITE, function(*names, name=who), wanted, write=write)
    except (KvAccessError, KvNotFoundError):
        assert name not in names or not granted
    else:
        assert found.name == name
        assert name in names
        assert granted


def test_reads_answer_at_once_with_the_octets() -> None:
    pairs = MemoryPairs([(b"/old", b"/new"), (b"raw", b"\0\xff")], now_s=1_700_000_000.5)
    assert call(pairs, "kv.get", b"\0/old") == b"/new"
    assert call(pairs, "kv.get", b"moved\0raw") == b"\0\xff"
    assert call(pairs, "kv.entry", b"\0raw") == b"k1\0\0\xff"
    assert [call(pairs, "kv.exists", b"\0" + key) for key in (b"raw", b"no")] == [b"1", b"0"]
    assert call(pairs, "kv.count", b"") == b"2"
    assert json.loads(call(pairs, "kv.meta", b"moved")) == {
        "keyCount": 2,
        "creationDateTime": "2023-11-14T22:13:20.500Z",
        "lastUpdatedDateTime": "2023-11-14T22:13:20.500Z",
    }


def test_a_list_comes_in_pages() -> None:
    pairs = MemoryPairs((b"k%02d" % number, b"") for number in range(5))
    first = json.loads(call(pairs, "kv.list", b"\0k\0\0" + b"3"))
    assert first == {"keys": ["k00", "k01", "k02"], "cursor": "k02"}
    assert json.loads(call(pairs, "kv.list", b"\0k\0k02\0")) == {"keys": ["k03", "k04"], "cursor": None}
    assert call(pairs, "kv.list", b"\0\0\0%d" % LIST_MAX)
    for limit in (b"0", b"%d" % (LIST_MAX + 1), b"x", b"-1"):
        assert refusal(pairs, "kv.list", b"\0\0\0" + limit).startswith("ValidationError: ")


def test_writes_give_the_pairs_etag_and_obey_conditions() -> None:
    pairs = MemoryPairs()
    first = call(pairs, "kv.put", b"\0k\0absent\0one\0two")
    assert call(pairs, "kv.get", b"\0k") == b"one\0two"
    assert refusal(pairs, "kv.put", b"\0k\0absent\0x").startswith("Conflict: ")
    second = call(pairs, "kv.put", b"\0k\0" + first + b"\0three")
    assert refusal(pairs, "kv.delete", b"\0k\0" + first).startswith("Conflict: ")
    assert call(pairs, "kv.delete", b"\0k\0" + second)
    assert refusal(pairs, "kv.delete", b"\0k\0").startswith("KeyNotFound: ")


@pytest.mark.parametrize(
    ("operation", "payload", "who", "code"),
    [
        ("kv.get", b"\0no", function("open"), "KeyNotFound"),
        ("kv.entry", b"\0no", function("open"), "KeyNotFound"),
        ("kv.get", b"\0k", function(), "AccessDenied"),
        ("kv.get", b"moved\0k", function("open"), "AccessDenied"),
        ("kv.get", b"\0k", function("visits"), "AccessDenied"),
        ("kv.put", b"\0k\0\0v", function("moved"), "AccessDenied"),
        ("kv.count", b"", function("gone"), "StoreNotFound"),
        ("kv.get", b"k", function("open"), "ValidationError"),
        ("kv.put", b"\0k\0v", function("open"), "ValidationError"),
        ("kv.put", b"\0\0\0v", function("open"), "ValidationError"),
        ("kv.put", b"\0k\0nonsense\0v", function("open"), "ValidationError"),
        ("kv.put", b"\0" + b"k" * 1025 + b"\0\0v", function("open"), "QuotaExceeded"),
        ("kv.put", b"\0k\0\0" + b"v" * (1024 * 1024 + 1), function("open"), "QuotaExceeded"),
    ],
)
def test_a_refusal_begins_with_its_code(operation: str, payload: bytes, who: LiveFunction, code: str) -> None:
    assert refusal(MemoryPairs(), operation, payload, who).startswith(f"{code}: ")


def test_the_longest_key_and_the_largest_value_go_in() -> None:
    payload = b"\0" + b"k" * 1024 + b"\0\0" + b"v" * (1024 * 1024)
    assert call(MemoryPairs(), "kv.put", payload) == b"k2"


def test_a_broken_store_is_told_without_its_path() -> None:
    def broken() -> PairReader:
        raise StateError("/secret/path is damaged", remedy="Restore it.")

    guests = GuestPairs(SITE, broken, None)
    with pytest.raises(HostCallError, match=r"^Unavailable: ") as refused:
        guests.operations()["kv.get"](function("open"), b"\0k")
    assert "/secret" not in str(refused.value)


@given(
    st.sampled_from(sorted(GuestPairs({}, lambda: MemoryStore({}), None).operations())),
    st.binary(max_size=60),
)
def test_no_payload_does_more_than_refuse(operation: str, payload: bytes) -> None:
    with contextlib.suppress(HostCallError):
        call(MemoryPairs([(b"k", b"v")]), operation, payload)
