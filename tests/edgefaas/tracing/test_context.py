"""The rules of W3C Trace Context for ``traceparent`` and ``tracestate``."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.tracing.context import (
    MEMBERS_MAX,
    STATE_CHARS_MAX,
    TraceContext,
    read_context,
    read_state,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"

hexadecimal = "0123456789abcdef"
trace_ids = st.text(hexadecimal, min_size=32, max_size=32).filter(lambda text: text.strip("0"))
span_ids = st.text(hexadecimal, min_size=16, max_size=16).filter(lambda text: text.strip("0"))
contexts = st.builds(TraceContext, trace_ids, span_ids, st.booleans())

key_tail = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-*/", max_size=12)
simple_keys = st.builds(lambda first, rest: first + rest, st.sampled_from("abcxyz"), key_tail)
tenant_keys = st.builds(
    lambda first, tenant, system, rest: f"{first}{tenant}@{system}{rest[:13]}",
    st.sampled_from("abc019"),
    key_tail,
    st.sampled_from("abc"),
    key_tail,
)
value_chars = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")
values = st.text(value_chars, min_size=1, max_size=20).filter(lambda text: not text.endswith(" "))
members = st.builds(lambda key, value: f"{key}={value}", simple_keys | tenant_keys, values)
lists = st.lists(members, max_size=MEMBERS_MAX, unique_by=lambda member: member.split("=")[0])


@given(contexts)
def test_what_is_written_is_read_as_the_same(context: TraceContext) -> None:
    assert read_context([context.traceparent]) == context


@given(st.text(max_size=80) | st.from_regex(r"[0-9a-fA-F-]{50,60}"))
def test_any_text_is_a_trace_by_the_letter_or_none(text: str) -> None:
    """Against the grammar of section 3.2.2, read slowly."""
    parts = text.split("-")
    expected = (
        len(parts) >= 4
        and [len(part) for part in parts[:4]] == [2, 32, 16, 2]
        and all(not part.strip(hexadecimal) for part in parts[:4])
        and parts[0] != "ff"
        and bool(parts[1].strip("0"))
        and bool(parts[2].strip("0"))
        and (len(parts) == 4 or parts[0] != "00")
    )
    assert (read_context([text]) is not None) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD.upper(),
        GOOD.replace("00-4", "ff-4"),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{GOOD}-",
        f"{GOOD}-more",
        f"01-{TRACE}-{SPAN}-01.more",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f" {GOOD}",
        f"{GOOD}\n",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        GOOD.replace("a", "\u0661"),
    ],
)
def test_a_traceparent_that_is_malformed_begins_a_new_trace(text: str) -> None:
    assert read_context([text]) is None


def test_two_traceparents_begin_a_new_trace() -> None:
    assert read_context([GOOD]) is not None
    assert read_context([GOOD, GOOD]) is None
    assert read_context([]) is None


@pytest.mark.parametrize("text", [f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be"])
def test_a_later_version_is_read_as_far_as_it_is_known_and_passed_on_as_version_00(text: str) -> None:
    context = read_context([text])
    assert context is not None
    assert context.traceparent == GOOD


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("fe", False), ("ff", True)])
def test_only_the_sampled_flag_counts_and_the_others_are_not_passed_on(flags: str, sampled: bool) -> None:
    context = read_context([f"00-{TRACE}-{SPAN}-{flags}"])
    assert context is not None
    assert context.sampled is sampled
    assert context.traceparent.endswith("-01" if sampled else "-00")


@given(lists, st.data())
def test_a_good_list_is_passed_on_in_its_order_however_it_is_split_into_lines(
    given_members: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(given_members)))
    lines = [" , ".join(given_members[:at]), ",\t".join(given_members[at:])]
    passed = read_state(lines)
    if len(",".join(given_members)) <= STATE_CHARS_MAX:
        assert passed == ",".join(given_members)
    assert len(passed) <= STATE_CHARS_MAX
    assert all(member in given_members for member in passed.split(",") if passed)


@given(
    lists,
    st.sampled_from(["a", "=1", "a=", "A=1", "a=1 =2", "a b=1", "a=\x7f", "é=1", "a@=1", "@a=1", "a@1=1"]),
)
def test_one_malformed_member_drops_the_list_and_not_the_trace(given_members: list[str], bad: str) -> None:
    context = read_context([GOOD], [",".join([*given_members[:30], bad])])
    assert context is not None
    assert context.state == ""


@given(st.lists(st.text(max_size=40), max_size=4))
def test_whatever_is_passed_on_is_a_good_list_and_stays_as_it_is(lines: list[str]) -> None:
    once = read_state(lines)
    assert read_state([once]) == once
    assert re.fullmatch(r"[\x20-\x7e]*", once)


def test_thirty_two_members_are_passed_on_and_thirty_three_are_not() -> None:
    most = [f"k{number}=v" for number in range(MEMBERS_MAX)]
    assert read_state([",".join(most)]) == ",".join(most)
    assert read_state([",".join([*most, "one=more"])]) == ""


def test_keys_and_values_have_the_lengths_of_the_recommendation() -> None:
    for good in (f"{'a' * 256}=1", f"{'t' * 241}@{'s' * 14}=1", f"a={'v' * 256}"):
        assert read_state([good]) == good
    for bad in (f"{'a' * 257}=1", f"{'t' * 242}@{'s' * 14}=1", f"{'t' * 241}@{'s' * 15}=1", f"a={'v' * 257}"):
        assert read_state([bad]) == ""


def test_of_two_members_with_the_same_key_the_first_is_the_latest() -> None:
    assert read_state(["a=1,b=2,a=3"]) == "a=1,b=2"


def test_empty_members_are_allowed() -> None:
    assert read_state(["a=1,, ,b=2", ""]) == "a=1,b=2"


def test_of_a_list_that_is_too_long_long_members_go_first_and_then_the_oldest() -> None:
    long = f"long={'x' * 200}"
    short = [f"s{number:02}={'y' * 60}" for number in range(15)]
    passed = read_state([",".join([short[0], long, *short[1:]])])
    assert passed == ",".join(short[: passed.count(",") + 1])
    assert STATE_CHARS_MAX - 65 < len(passed) <= STATE_CHARS_MAX
