"""The lines of the access log: CloudFront's 33 fields and its escaping, and JSON."""

from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.accesslog.formats import (
    FIELDS,
    HEADER,
    Context,
    cloudfront_line,
    encoded,
    json_line,
    request_bytes,
    result_types,
)
from edgefaas.contract import Exchange
from edgefaas.message import Headers, Request
from edgefaas.wire.fields import FieldBlock, WireHeaders

NAMES = FIELDS.split(" ")
AT_S = 1_575_493_351.25  # 2019-12-04 21:02:31 UTC
HEAD = (
    b"HTTP/1.1 206 Partial Content\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 78\r\n"
    b"Content-Range: bytes 10-87/1000\r\n"
)


def exchange(status: int = 206, *, headers: list[tuple[str, str]] | None = None, **changed: Any) -> Exchange:
    request = Request(
        method="GET",
        path="/index.html",
        query="a=1&b=%20",
        headers=Headers(headers or []),
        host="www.example.com:8080",
        viewer_ip="192.0.2.100",
        viewer_port=11040,
        id="abc123",
    )
    for name in ("scheme", "http_version", "host", "path", "query", "body"):
        if name in changed:
            setattr(request, name, changed.pop(name))
    known: dict[str, Any] = {
        "body_bytes": 78,
        "took_s": 0.0826,
        "first_byte_s": 0.0014,
        "head": HEAD,
    } | changed
    return Exchange(request=request, status=status, **known)


def fields(of: Exchange, word: str = "Hit from edgefaas", **context: Any) -> dict[str, str]:
    line = cloudfront_line(of, Context(at_s=AT_S, word=word, **context)).decode("ascii")
    assert line.endswith("\n")
    values = line.removesuffix("\n").split("\t")
    assert len(values) == len(NAMES) == 33
    return dict(zip(NAMES, values, strict=True))


def test_the_header_names_the_fields_as_cloudfront_does() -> None:
    assert HEADER.startswith(
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host)"
    )
    assert HEADER.endswith(
        "x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n"
    )


def test_a_line_has_what_cloudfront_would_have_written() -> None:
    told = fields(
        exchange(headers=[("User-Agent", "Mozilla/5.0 (X11; Linux)"), ("Referer", "https://a.example/")]),
        pop="fra",
    )
    assert told == {
        "date": "2019-12-04",
        "time": "21:02:31",
        "x-edge-location": "fra",
        "sc-bytes": str(len(HEAD) + 78),
        "c-ip": "192.0.2.100",
        "cs-method": "GET",
        "cs(Host)": "www.example.com",
        "cs-uri-stem": "/index.html",
        "sc-status": "206",
        "cs(Referer)": "https://a.example/",
        "cs(User-Agent)": "Mozilla/5.0%20(X11;%20Linux)",
        "cs-uri-query": "a=1&b=%2520",
        "cs(Cookie)": "-",
        "x-edge-result-type": "Hit",
        "x-edge-request-id": "abc123",
        "x-host-header": "www.example.com:8080",
        "cs-protocol": "http",
        "cs-bytes": str(len("GET /index.html?a=1&b=%20 HTTP/1.1\r\n\r\n") + 38 + 29),
        "time-taken": "0.083",
        "x-forwarded-for": "-",
        "ssl-protocol": "-",
        "ssl-cipher": "-",
        "x-edge-response-result-type": "Hit",
        "cs-protocol-version": "HTTP/1.1",
        "fle-status": "-",
        "fle-encrypted-fields": "-",
        "c-port": "11040",
        "time-to-first-byte": "0.001",
        "x-edge-detailed-result-type": "Hit",
        "sc-content-type": "text/html;%20charset=utf-8",
        "sc-content-len": "78",
        "sc-range-start": "10",
        "sc-range-end": "87",
    }


def test_what_is_not_there_is_a_hyphen() -> None:
    told = fields(exchange(404, head=b"", body_bytes=0, query="", host=""), word="")
    for name in (
        "cs-uri-query",
        "x-host-header",
        "cs(Host)",
        "sc-content-type",
        "sc-content-len",
        "sc-range-end",
    ):
        assert told[name] == "-"


def test_tls_and_http_2_are_said() -> None:
    told = fields(exchange(scheme="https", http_version="2.0", tls=("TLSv1.3", "TLS_AES_128_GCM_SHA256")))
    assert (told["cs-protocol"], told["cs-protocol-version"]) == ("https", "HTTP/2.0")
    assert (told["ssl-protocol"], told["ssl-cipher"]) == ("TLSv1.3", "TLS_AES_128_GCM_SHA256")


def test_cookies_are_logged_only_where_that_is_asked_for() -> None:
    of = exchange(headers=[("Cookie", "a=1; b=2")])
    assert fields(of)["cs(Cookie)"] == "-"
    assert fields(of, cookies=True)["cs(Cookie)"] == "a=1;%20b=2"
    assert "cookie" not in orjson.loads(json_line(of, Context(at_s=AT_S)))
    assert orjson.loads(json_line(of, Context(at_s=AT_S, cookies=True)))["cookie"] == "a=1; b=2"


latin = st.text(st.characters(max_codepoint=255), max_size=40)


@given(latin)
def test_any_value_is_escaped_as_cloudfront_does_and_can_be_read_back(value: str) -> None:
    shown = encoded(value)
    assert shown.isascii()
    assert not set(shown) & set("\t\n\r \"<>#{}|\\^~[]`'\x7f")
    if value:
        assert unquote_to_bytes(shown) == value.encode("latin-1")
    else:
        assert shown == "-"


@given(latin, latin, latin, st.sampled_from(["GET", "POST"]))
def test_no_value_of_a_viewer_makes_another_field_or_line(
    one: str, other: str, third: str, method: str
) -> None:
    headers = [("User-Agent", one), ("Referer", other), ("X-Forwarded-For", third), ("Cookie", one)]
    of = exchange(headers=headers, host=other, path=f"/{third}")
    fields(of, cookies=True)
    line = json_line(of, Context(at_s=AT_S, cookies=True))
    assert line.count(b"\n") == 1
    assert orjson.loads(line)["user_agent"] == one


@pytest.mark.parametrize(
    ("status", "word", "aborted", "types"),
    [
        (200, "Hit from edgefaas", False, ("Hit", "Hit", "Hit")),
        (304, "RefreshHit from edgefaas", False, ("RefreshHit", "RefreshHit", "RefreshHit")),
        (200, "", False, ("Miss", "Miss", "Miss")),
        (404, "Miss from edgefaas", False, ("Error", "Error", "Error")),
        (400, "", False, ("Error", "Error", "Error")),
        (301, "Redirect from edgefaas", False, ("Redirect", "Redirect", "Redirect")),
        (
            503,
            "LambdaLimitExceeded from edgefaas",
            False,
            ("LimitExceeded", "LimitExceeded", "LambdaLimitExceeded"),
        ),
        (503, "LambdaExecutionError from edgefaas", False, ("LambdaExecutionError",) * 3),
        (200, "Hit from edgefaas", True, ("Error", "Hit", "ClientCommError")),
        (499, "", True, ("Error", "Error", "ClientCommError")),
    ],
)
def test_result_types(status: int, word: str, aborted: bool, types: tuple[str, str, str]) -> None:
    assert result_types(status, word, aborted=aborted) == types


def test_a_viewer_who_left_before_there_was_a_status_has_000() -> None:
    assert fields(exchange(499, aborted=True), word="")["sc-status"] == "000"
    assert fields(exchange(200, aborted=True))["sc-status"] == "200"


def test_the_size_of_a_request_is_counted_once_for_each_set_of_fields() -> None:
    raw = b"Host: a.example\r\nAccept: */*\r\n"
    block = FieldBlock(raw)
    for body in (b"", b"12345"):
        request = Request(method="GET", path="/a", headers=WireHeaders(block), body=body)
        assert request_bytes(request) == len(b"GET /a HTTP/1.1\r\n") + len(raw) + 2 + len(body)


def test_json_has_the_same_with_milliseconds() -> None:
    told = orjson.loads(
        json_line(
            exchange(headers=[("User-Agent", "x")]), Context(at_s=AT_S, word="Miss from edgefaas", pop="fra")
        )
    )
    assert told["at"] == "2019-12-04T21:02:31.250Z"
    assert (told["request_id"], told["status"], told["x_cache"], told["pop"]) == (
        "abc123",
        206,
        "Miss",
        "fra",
    )
    assert (told["took_ms"], told["first_byte_ms"], told["user_agent"]) == (82.6, 1.4, "x")
    assert told["target"] == "/index.html?a=1&b=%20"
