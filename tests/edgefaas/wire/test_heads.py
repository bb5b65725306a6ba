"""What is read of the head of a request, and what is taken over from the one before."""

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import RequestError
from edgefaas.wire.heads import REQUEST_HEAD, Facts, read_facts, with_other_tag

LINES = (
    b"Host: site.example",
    b"host:  other.example:8080 ",
    b"Accept-Encoding: gzip, br",
    b"Connection: keep-alive",
    b"Connection: close",
    b"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT",
    b"If-None-Match: x",
    b"Range: bytes=0-1",
    b"X-If-None-Match: y",
    b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"Content-Length: 0",
)
lines = st.lists(st.sampled_from(LINES), max_size=4, unique=True)
tags = st.sampled_from(
    (b'"1"', b'W/"22"', b'"1", "2"', b"*", b"", b" \t", b"x\r\nRange: bytes=0-1", b"x\r\nHost: evil", b"\xfc")
)
names = st.sampled_from((b"If-None-Match: ", b"if-none-match:"))


def section(before: list[bytes], name: bytes, tag: bytes, behind: list[bytes]) -> bytes:
    return b"".join(line + b"\r\n" for line in (*before, name + tag, *behind))


def told(facts: Facts) -> tuple[object, ...]:
    return (
        facts.block.raw, facts.host, facts.close, facts.keep_alive, facts.length, facts.chunked, facts.websocket,
        facts.expects_continue, facts.plain, facts.passing, facts.codings, facts.conditions, facts.traced, facts.around,
    )  # fmt: skip


@given(before=lines, apart=lines | st.none(), behind=lines, name=names, tag=tags, other=tags)
def test_another_entity_tag_among_the_same_fields_is_read_as_if_for_the_first_time(
    before: list[bytes], apart: list[bytes] | None, behind: list[bytes], name: bytes, **of: bytes
) -> None:
    first = section(before, name, of["tag"], behind)
    second = section(before if apart is None else apart, name, of["other"], behind)
    assert REQUEST_HEAD.fullmatch(b"GET / HTTP/1.1\r\n" + second + b"\r\n")
    try:
        facts = read_facts(first)
    except RequestError:
        return
    again = with_other_tag(facts, second)
    if again is not None:
        assert told(again) == told(read_facts(second))


def test_it_is_taken_over_where_the_tag_is_the_one_condition() -> None:
    facts = read_facts(b'Host: a\r\nIf-None-Match: "1"\r\nAccept: */*\r\n')
    again = with_other_tag(facts, b'Host: a\r\nIf-None-Match: "234"\r\nAccept: */*\r\n')
    assert again is not None
    assert again.conditions == (("if-none-match", '"234"'),)
    assert with_other_tag(again, b'Host: a\r\nIf-None-Match: "5"\r\nAccept: */*\r\n') is not None
    assert with_other_tag(again, b'Host: a\r\nIf-None-Match: "5"\r\nAccept: text/x\r\n') is None
    assert with_other_tag(read_facts(b"Host: a\r\n"), b"Host: a\r\n") is None
