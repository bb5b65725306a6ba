"""RFC 3875 as pure functions: what a command sees, and what its header section says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import FunctionValidationError, RequestError
from edgefaas.gateway.answers import Answer
from edgefaas.gateway.cgi import HEAD_BYTES_MAX, HeadReader, meta_variables, mounted, parse_head
from edgefaas.message import Headers, Request


def variables(
    *, pattern: str = "*", length: int | None = None, lines: list[tuple[str, str]] | None = None, **parts: str
) -> dict[str, str]:
    request = Request(
        method=parts.pop("method", "GET"),
        path=parts.pop("path", "/"),
        headers=Headers(lines or []),
        host=parts.pop("host", "www.example.com"),
        viewer_ip="203.0.113.7",
        viewer_port=4711,
        **parts,  # type: ignore[arg-type]
    )
    found = meta_variables(request, pattern=pattern, length=length)
    return {name: value.decode("latin-1") for name, value in found.items()}


def test_a_request_has_every_variable_that_the_rfc_requires() -> None:
    seen = variables(
        pattern="/app/*",
        method="POST",
        path="/app/a%20b/%C3%A9",
        query="x=1&y=%2F",
        scheme="https",
        host="www.example.com:8443",
        lines=[("Content-Type", "text/plain"), ("User-Agent", "curl")],
        length=12,
    )
    assert seen == {
        "CONTENT_LENGTH": "12",
        "CONTENT_TYPE": "text/plain",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTPS": "on",
        "HTTP_HOST": "www.example.com:8443",
        "HTTP_USER_AGENT": "curl",
        "HTTP_X_FORWARDED_FOR": "203.0.113.7",
        "PATH_INFO": "/a b/Ã©",
        "QUERY_STRING": "x=1&y=%2F",
        "REMOTE_ADDR": "203.0.113.7",
        "REMOTE_HOST": "203.0.113.7",
        "REMOTE_PORT": "4711",
        "REQUEST_METHOD": "POST",
        "REQUEST_SCHEME": "https",
        "REQUEST_URI": "/app/a%20b/%C3%A9?x=1&y=%2F",
        "SCRIPT_NAME": "/app",
        "SERVER_NAME": "www.example.com",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "edgefaas/0.1.0",
    }


def test_a_request_without_body_and_query_has_no_length_and_an_empty_query() -> None:
    seen = variables()
    assert seen["QUERY_STRING"] == ""
    assert {"CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS"}.isdisjoint(seen)
    assert seen["SERVER_PORT"] == "80"


def test_an_ipv6_host_keeps_its_brackets() -> None:
    seen = variables(host="[::1]:8080")
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("[::1]", "8080")
    assert variables(host="[::1]")["SERVER_NAME"] == "[::1]"


def test_lines_of_one_name_are_joined_and_cookies_as_cookies() -> None:
    seen = variables(lines=[("Accept", "a"), ("accept", "b"), ("Cookie", "x=1"), ("Cookie", "y=2")])
    assert seen["HTTP_ACCEPT"] == "a, b"
    assert seen["HTTP_COOKIE"] == "x=1; y=2"


def test_no_field_of_the_viewer_becomes_a_variable_that_means_something_else() -> None:
    hostile = [
        ("Proxy", "http://evil.example"),  # HTTP_PROXY: CVE-2016-5385
        ("X_Forwarded_For", "6.6.6.6"),
        ("X.Y", "1"),
        ("Connection", "x-secret"),
        ("X-Secret", "2"),
        ("Transfer-Encoding", "chunked"),
        ("X-Forwarded-For", "198.51.100.1"),
    ]
    seen = variables(lines=hostile)
    assert seen["HTTP_X_FORWARDED_FOR"] == "198.51.100.1, 203.0.113.7"
    assert {"HTTP_PROXY", "HTTP_X_SECRET", "HTTP_X.Y", "HTTP_TRANSFER_ENCODING"}.isdisjoint(seen)


def test_a_path_with_an_encoded_nul_is_refused() -> None:
    with pytest.raises(RequestError):
        variables(path="/a%00b")


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*", "/a/b", ("", "/a/b")),
        ("/*", "/a/b", ("", "/a/b")),
        ("/app/*", "/app/a", ("/app", "/a")),
        ("app/*", "/app/a", ("/app", "/a")),
        ("/app/*", "/app/", ("/app", "/")),
        ("/app/*", "/application", ("", "/application")),
        ("/app*", "/app/a", ("", "/app/a")),
        ("/app", "/app", ("/app", "")),
        ("/a?p/*", "/app/x", ("", "/app/x")),
        ("/app/*", "/rewritten", ("", "/rewritten")),
    ],
)
def test_a_pattern_that_names_a_place_is_the_script(
    pattern: str, path: str, expected: tuple[str, str]
) -> None:
    assert mounted(pattern, path) == expected


@given(pattern=st.text("/ab*?", max_size=8), path=st.text("/ab", max_size=8).map(lambda text: f"/{text}"))
def test_script_and_rest_are_the_path(pattern: str, path: str) -> None:
    script, info = mounted(pattern, path)
    assert script + info == path


def read(*pieces: bytes) -> tuple[Answer, bytes]:
    reader = HeadReader()
    for number, piece in enumerate(pieces):
        found = reader.feed(piece)
        if found is not None:
            answer, rest = found
            return answer, rest + b"".join(pieces[number + 1 :])
    reader.finish()
    raise AssertionError


HEAD = b"Status: 201 Made here\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(HEAD) + 4), max_size=6))
def test_an_answer_is_read_the_same_in_whatever_pieces_it_comes(cuts: list[int]) -> None:
    whole = HEAD + b"\n\r\n!"
    edges = [0, *sorted(cuts), len(whole)]
    answer, body = read(*(whole[start:end] for start, end in pairwise(edges)))
    assert (answer.status, answer.reason, answer.length) == (201, "Made here", 4)
    assert list(answer.headers) == [
        ("Content-Type", "text/plain"),
        ("X-A", "1"),
        ("X-A", "2"),
        ("Content-Length", "4"),
    ]
    assert body == b"\n\r\n!"


def test_lines_may_end_with_lf_alone() -> None:
    answer, body = read(b"Content-Type: text/html\nX-A: 1\n\n<p>")
    assert (answer.status, list(answer.headers), body) == (
        200,
        [("Content-Type", "text/html"), ("X-A", "1")],
        b"<p>",
    )


def test_a_location_means_what_the_rfc_says() -> None:
    assert parse_head(b"Location: /other?x=1").local == "/other?x=1"
    away = parse_head(b"Location: https://other.example/")
    assert (away.status, away.local, away.headers.get("location")) == (302, "", "https://other.example/")
    assert parse_head(b"Location: //other.example/").status == 302
    told = parse_head(b"Status: 301\nLocation: /other")
    assert (told.status, told.local, told.headers.get("location")) == (301, "", "/other")


def test_a_status_line_of_http_counts_as_status() -> None:
    answer = parse_head(b"HTTP/1.0 404 Not Found\r\nContent-Type: text/plain")
    assert (answer.status, answer.reason) == (404, "Not Found")


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (b"X-A: 1", "neither"),
        (b"", "neither"),
        (b"Content-Type: a/b\nno colon", "without a colon"),
        (b"Content-Type: a/b\n folded: x", "forbids"),
        (b"Content-Type: a/b\nX A: 1", "forbids"),
        (b"Content-Type: a/b\nX-A: \x01", "forbids"),
        (b"Content-Type: a/b\nContent-Type: a/b", "more than one"),
        (b"Status: fine", "Status"),
        (b"Status: 99", "Status"),
        (b"Status: 199", "status 199"),
        (b"Status: 600", "status 600"),
        (b"Status: 200 O\rK", "reason phrase"),
        (b"Status: 200 O\x00K", "reason phrase"),
        (b"Content-Type: a/b\nContent-Length: -1", "Content-Length"),
        (b"Content-Type: a/b\nContent-Length: 1\nContent-Length: 2", "Content-Length"),
        (b"Content-Type: a/b\nX-Edge-Continue: elsewhere", "no path"),
    ],
)
def test_a_header_section_that_breaks_a_rule_is_refused(head: bytes, complaint: str) -> None:
    with pytest.raises(FunctionValidationError, match=complaint):
        parse_head(head)


def test_a_header_section_has_a_limit() -> None:
    reader = HeadReader()
    assert reader.feed(b"Content-Type: a/b\n".ljust(HEAD_BYTES_MAX, b"x")) is None
    with pytest.raises(FunctionValidationError, match="over 65536 bytes"):
        reader.feed(b"x")


@pytest.mark.parametrize("output", [b"", b"Content-Type: text/plain\n"])
def test_an_answer_that_ends_before_its_head_is_refused(output: bytes) -> None:
    with pytest.raises(FunctionValidationError, match="empty" if not output else "ended before"):
        read(output)


@given(head=st.binary(max_size=200))
def test_any_octets_are_an_answer_or_refused(head: bytes) -> None:
    try:
        answer, _ = read(head)
    except FunctionValidationError:
        return
    assert 200 <= answer.status <= 599
