"""Files as viewers get them."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.directory import DirectoryFiles, files
from edgefaas.directory.opened import FileFacts
from edgefaas.errors import ConfigError
from edgefaas.message import Headers, Request, Response
from edgefaas.site import DirectoryOrigin

NOW_S = 2_000_000_000.0


def served(root: Path, **options: str) -> DirectoryFiles:
    origin = DirectoryOrigin(name="assets", directory=root, **options)
    return DirectoryFiles(origin, wall_s=lambda: NOW_S)


def put(root: Path, name: str, content: bytes, modified_s: int = 1_700_000_000) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified_s, modified_s))
    return path


async def fetched(
    folder: DirectoryFiles, path: str, method: str = "GET", **fields: str
) -> tuple[Response, bytes]:
    target, _, query = path.partition("?")
    headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    response = await folder.fetch(Request(method=method, path=target, query=query, headers=headers))
    if isinstance(response.body, bytes):
        return response, response.body
    return response, b"".join([piece async for piece in response.body])


def get(folder: DirectoryFiles, path: str, method: str = "GET", **fields: str) -> tuple[Response, bytes]:
    return asyncio.run(fetched(folder, path, method, **fields))


def test_a_file_comes_with_type_validators_and_length(tmp_path: Path) -> None:
    put(tmp_path, "a/b.css", b"body{}")
    response, body = get(served(tmp_path), "/a/b.css?v=1")
    assert (response.status, body) == (200, b"body{}")
    assert response.headers.get("content-type") == "text/css; charset=utf-8"
    assert response.headers.get("last-modified") == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert response.headers.get("content-length") == "6"
    etag = response.headers.get("etag")
    assert etag is not None
    assert etag.startswith('"')


def test_the_entity_tag_is_of_the_content_alone(tmp_path: Path) -> None:
    put(tmp_path, "a", b"one", 1)
    put(tmp_path, "b", b"one", 2)
    put(tmp_path, "c", b"two", 1)
    folder = served(tmp_path)
    tags = [get(folder, path)[0].headers.get("etag") for path in ("/a", "/b", "/c")]
    assert tags[0] == tags[1] != tags[2]


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = served(tmp_path)
    put(tmp_path, "a", b"one", 1)
    before = get(folder, "/a")[0].headers.get("etag")
    put(tmp_path, "a", b"two", 2)
    response, body = get(folder, "/a")
    assert body == b"two"
    assert response.headers.get("etag") != before


def test_conditions_are_answered(tmp_path: Path) -> None:
    put(tmp_path, "a", b"one")
    folder = served(tmp_path)
    etag = get(folder, "/a")[0].headers.get("etag") or ""
    for fields, status in (
        ({"if_none_match": etag}, 304),
        ({"if_none_match": f"W/{etag}"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_match": '"x"'}, 412),
        ({"if_modified_since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 304),
        ({"if_modified_since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200),
    ):
        response, body = get(folder, "/a", **fields)
        assert response.status == status
        if status == 304:
            assert body == b""
            assert response.headers.get("etag") == etag


@pytest.mark.parametrize("size", [1000, files.SMALL_BYTES + 1000])
def test_ranges_of_small_and_streamed_files(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    put(tmp_path, "a.bin", content)
    folder = served(tmp_path)
    whole, body = get(folder, "/a.bin")
    assert body == content
    response, body = get(folder, "/a.bin", range="bytes=10-19")
    assert (response.status, body) == (206, content[10:20])
    assert response.headers.get("content-range") == f"bytes 10-19/{size}"
    response, body = get(folder, "/a.bin", range="bytes=-5")
    assert body == content[-5:]
    assert get(folder, "/a.bin", range=f"bytes={size}-")[0].status == 416
    assert get(folder, "/a.bin", range="bytes=0-1", if_range='"other"')[1] == content
    etag = whole.headers.get("etag") or ""
    assert get(folder, "/a.bin", range="bytes=0-1", if_range=etag)[1] == content[:2]
    response, body = get(folder, "/a.bin", range="bytes=0-1,900-901")
    assert response.status == 206
    mark = (response.headers.get("content-type") or "").partition("boundary=")[2].encode()
    assert response.headers.get("content-length") == str(len(body))
    parts = body.split(b"--" + mark)
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:3]] == [
        content[:2] + b"\r\n",
        content[900:902] + b"\r\n",
    ]


def test_head_has_the_fields_of_get(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b"one")
    folder = served(tmp_path)
    got, asked = get(folder, "/a.txt")[0], get(folder, "/a.txt", "HEAD")
    assert list(asked[0].headers) == list(got.headers)
    assert asked[1] == b""


def test_other_methods_are_not_allowed(tmp_path: Path) -> None:
    folder = served(tmp_path)
    for method in ("POST", "PUT", "DELETE", "TRACE"):
        response = get(folder, "/a", method)[0]
        assert response.status == 405
        assert response.headers.get("allow") == "GET, HEAD, OPTIONS"


def test_folders_have_an_index_and_get_their_slash(tmp_path: Path) -> None:
    put(tmp_path, "index.html", b"root")
    put(tmp_path, "docs/index.html", b"docs")
    (tmp_path / "empty").mkdir()
    folder = served(tmp_path)
    assert get(folder, "/")[1] == b"root"
    assert get(folder, "/docs/")[1] == b"docs"
    response = get(folder, "/docs?x=1")[0]
    assert (response.status, response.headers.get("location")) == (301, "/docs/?x=1")
    for path in ("/empty", "/empty/", "/docs/index.html/", "/none"):
        assert get(folder, path)[0].status == 404


def test_an_application_gets_its_document_for_unknown_pages_but_not_for_missing_files(tmp_path: Path) -> None:
    put(tmp_path, "index.html", b"app")
    put(tmp_path, "a.js", b"js")
    folder = served(tmp_path, fallback="/index.html")
    assert get(folder, "/users/7")[1] == b"app"
    assert get(folder, "/users/v1.2", accept="text/html")[1] == b"app"
    assert get(folder, "/a.js")[1] == b"js"
    assert get(folder, "/missing.js", accept="*/*")[0].status == 404
    assert get(folder, "/../x")[0].status == 404


def test_names_with_a_hash_are_immutable_and_others_must_be_revalidated(tmp_path: Path) -> None:
    put(tmp_path, "main.8e0d62a0.js", b"1")
    put(tmp_path, "main.js", b"1")
    folder = served(tmp_path)
    assert "immutable" in (get(folder, "/main.8e0d62a0.js")[0].headers.get("cache-control") or "")
    assert "must-revalidate" in (get(folder, "/main.js")[0].headers.get("cache-control") or "")


def test_precompressed_siblings_are_used_when_fresh_and_acceptable(tmp_path: Path) -> None:
    put(tmp_path, "a.js", b"plain", 100)
    put(tmp_path, "a.js.br", b"brotli", 100)
    put(tmp_path, "a.js.gz", b"outdated", 99)
    put(tmp_path, "b.js", b"alone", 100)
    folder = served(tmp_path)
    response, body = get(folder, "/a.js", accept_encoding="gzip, br")
    assert (body, response.headers.get("content-encoding")) == (b"brotli", "br")
    assert response.headers.get("content-type") == "text/javascript; charset=utf-8"
    assert response.headers.get("vary") == "Accept-Encoding"
    plain, body = get(folder, "/a.js", accept_encoding="gzip")
    assert (body, plain.headers.get("content-encoding")) == (b"plain", None)
    assert plain.headers.get("vary") == "Accept-Encoding"
    assert plain.headers.get("etag") != response.headers.get("etag")
    assert get(folder, "/a.js", accept_encoding="br", range="bytes=0-1")[1] == b"pl"
    assert "vary" not in get(folder, "/b.js", accept_encoding="br")[0].headers


def test_symbolic_links_lead_anywhere_below_the_root_and_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "real/a.txt", b"inside")
    put(tmp_path, "secret.txt", b"outside")
    put(tmp_path, "root-sibling/b.txt", b"outside")
    (root / "link.txt").symlink_to("real/a.txt")
    (root / "folder").symlink_to("real")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to("..")
    (root / "sibling").symlink_to(tmp_path / "root-sibling")
    (root / "loop").symlink_to("loop")
    folder = served(root)
    assert get(folder, "/link.txt")[1] == b"inside"
    assert get(folder, "/folder/a.txt")[1] == b"inside"
    for path in ("/out.txt", "/up/secret.txt", "/up/", "/sibling/b.txt", "/loop"):
        assert get(folder, path)[0].status == 404


def test_a_root_that_is_a_link_itself_is_fine(tmp_path: Path) -> None:
    put(tmp_path / "v1", "a", b"one")
    (tmp_path / "current").symlink_to("v1")
    assert get(served(tmp_path / "current"), "/a")[1] == b"one"


def test_what_is_not_a_regular_file_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert get(served(tmp_path), "/fifo")[0].status == 404


def test_a_folder_that_does_not_exist_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        served(tmp_path / "none")


def test_a_file_that_shrinks_while_it_is_sent_breaks_off(tmp_path: Path) -> None:
    path = put(tmp_path, "a.bin", bytes(files.SMALL_BYTES * 4))

    async def check() -> None:
        response = await served(tmp_path).fetch(Request(method="GET", path="/a.bin"))
        assert not isinstance(response.body, bytes)
        await anext(response.body)
        os.truncate(path, 10)
        with pytest.raises(OSError, match="shorter"):
            async for _ in response.body:
                pass

    asyncio.run(check())


def test_descriptors_are_closed_also_when_nobody_reads(tmp_path: Path) -> None:
    put(tmp_path, "a.bin", bytes(files.SMALL_BYTES + 1))
    folder = served(tmp_path)

    async def check() -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))  # noqa: ASYNC240 # nothing else runs here
        for method in ("GET", "HEAD") * 5:
            await folder.fetch(Request(method=method, path="/a.bin"))
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1  # noqa: ASYNC240

    asyncio.run(check())


def test_a_file_too_large_to_hash_at_once_gets_its_tag_behind_the_first_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DIGEST_AT_ONCE_BYTES", files.SMALL_BYTES)
    put(tmp_path, "a.bin", bytes(files.SMALL_BYTES + 1))
    folder = served(tmp_path)

    async def check() -> None:
        assert "etag" not in (await fetched(folder, "/a.bin"))[0].headers
        while "etag" not in (await fetched(folder, "/a.bin"))[0].headers:
            await asyncio.sleep(0.001)

    asyncio.run(check())


@given(st.binary(max_size=64), st.integers(0, 70), st.integers(0, 70))
def test_a_range_is_the_slice_of_the_whole(content: bytes, first: int, more: int) -> None:
    found = files.Representation(
        name="a.bin",
        facts=FileFacts((0, 0, len(content), 0), len(content), 0),
        etag='"x"',
        coding=None,
        varies=False,
        content=content,
        opened=None,
    )
    headers = Headers([("Range", f"bytes={first}-{first + more}")])
    response = files.answer(Request(method="GET", path="/", headers=headers), found, now_s=NOW_S)
    expected = content[first : first + more + 1]
    assert response.status == (206 if expected else 416)
    if expected:
        assert response.body == expected
