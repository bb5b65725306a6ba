"""No spelling of a URL leads out of the folder."""

from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.directory.encodings import acceptable
from edgefaas.directory.naming import is_immutable, media_type
from edgefaas.directory.paths import segments_of

REFUSED = [
    "",
    "a",
    "/../a",
    "/a/../../b",
    "/./a",
    "/%2e%2e/a",
    "/%2E%2e/a",
    "/.%2e/a",
    "/..%2fa",
    "/a%2fb",
    "/a%2Fb",
    "/a\\b",
    "/..\\a",
    "/a%5cb",
    "/a%5C..%5Cb",
    "//a",
    "//evil.example/",
    "/a//b",
    "/a%00.html",
    "/%00",
    "/a\x00",
    "/a%0ab",
    "/a%7f",
    "/%",
    "/%2",
    "/%zz",
    "/%c0%ae%c0%ae/a",
    "/%c0%afa",
    "/%e0%80%af",
    "/%ff",
    "/%ed%a0%80",
    "/.git/config",
    "/.env",
    "/a/.htaccess",
    "/%2egit/config",
    "/" + "a" * 256,
]


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    assert segments_of(path) is None


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", ("",)),
        ("/a", ("a",)),
        ("/a/", ("a", "")),
        ("/a%20b/%C3%A9.txt", ("a b", "é.txt")),
        ("/a..b/c...", ("a..b", "c...")),
        ("/%252e%252e/a", ("%2e%2e", "a")),
        ("/.well-known/x", (".well-known", "x")),
        ("/" + "a" * 255, ("a" * 255,)),
    ],
)
def test_a_plain_path_is_decoded_once(path: str, segments: tuple[str, ...]) -> None:
    assert segments_of(path) == segments


@given(st.text(st.sampled_from("/.%25cef0aAb\\\x00é"), max_size=20).map(lambda text: "/" + text))
def test_what_is_accepted_stays_below_the_root(path: str) -> None:
    segments = segments_of(path)
    if segments is not None:
        assert all("/" not in name and name not in (".", "..") and "\x00" not in name for name in segments)
        assert PurePosixPath("/root", *segments).is_relative_to("/root")


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["C"], exclude_characters="/\\."), min_size=1, max_size=20)
    )
)
def test_encoding_a_name_and_reading_it_gives_the_name(names: list[str]) -> None:
    assert segments_of("/" + "/".join(quote(name) for name in names)) == (tuple(names) or ("",))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.tar.gz", "application/gzip"),
        ("A.PNG", "image/png"),
        ("LICENSE", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_from_the_name_alone(name: str, expected: str) -> None:
    assert media_type(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "main.8e0d62a0.js",
        "app-BfX3k9aQ.js",
        "chunk-ABCD2345.css",
        "a.0123456789abcdef.png",
        "x-1a2b3c4d.js.map",
    ],
)
def test_a_name_with_a_content_hash_is_immutable(name: str) -> None:
    assert is_immutable(name)


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "app.js",
        "report-20240101.pdf",
        "photo-iPhone15Pro.jpg",
        "my-version2.js",
        "a-decade.js",
        "x.min.js",
    ],
)
def test_a_name_without_one_is_not(name: str) -> None:
    assert not is_immutable(name)


@pytest.mark.parametrize(
    ("field", "codings"),
    [
        (None, []),
        ("", []),
        ("gzip", ["gzip"]),
        ("gzip, br", ["br", "gzip"]),
        ("GZIP;Q=1.0, br;q=0.5", ["gzip", "br"]),
        ("br;q=0, *", ["zstd", "gzip"]),
        ("*;q=0", []),
        ("identity, gzip;q=0.5", []),
        ("x-gzip", ["gzip"]),
        ("br;q=abc", []),
        ("deflate", []),
    ],
)
def test_codings_are_negotiated_by_weight(field: str | None, codings: list[str]) -> None:
    assert acceptable(field) == codings
