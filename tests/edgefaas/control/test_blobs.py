"""Blobs are whole or not there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.blobs import Blobs, write_file
from edgefaas.control.bundle import digest
from edgefaas.errors import StateError


@given(contents=st.lists(st.binary(max_size=30), max_size=5))
def test_what_was_put_comes_back_under_its_digest(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    names = blobs.put_all(contents)
    assert names == [digest(content) for content in contents]
    assert [blobs.get(name) for name in names] == contents


def test_a_blob_lies_in_a_folder_of_its_first_two_digits(tmp_path: Path) -> None:
    (name,) = Blobs(tmp_path).put_all([b"content"])
    assert (tmp_path / name[:2] / name).read_bytes() == b"content"


def test_a_damaged_blob_is_refused_when_read(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    (name,) = blobs.put_all([b"content"])
    (tmp_path / name[:2] / name).write_bytes(b"CONTENT")
    with pytest.raises(StateError, match="damaged"):
        blobs.get(name)


def test_a_missing_blob_is_refused_when_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        Blobs(tmp_path).get(digest(b"never put"))


def test_a_blob_cut_short_is_written_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    (name,) = blobs.put_all([b"content"])
    (tmp_path / name[:2] / name).write_bytes(b"con")
    blobs.put_all([b"content"])
    assert blobs.get(name) == b"content"


def test_a_sweep_removes_what_nobody_refers_to_and_what_a_kill_left(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    kept, lost = blobs.put_all([b"kept", b"lost"])
    (tmp_path / kept[:2] / ".tmp-0123").write_bytes(b"half")
    assert blobs.sweep({kept}) == 2
    assert blobs.get(kept) == b"kept"
    with pytest.raises(StateError):
        blobs.get(lost)


def test_a_folder_that_cannot_be_written_is_refused_with_a_remedy(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    (tmp_path / "blobs" / digest(b"content")[:2]).write_bytes(b"a file where a folder belongs")
    with pytest.raises(StateError) as refusal:
        blobs.put_all([b"content"])
    assert "writable" in refusal.value.remedy


def test_a_secret_file_is_never_readable_by_others(tmp_path: Path) -> None:
    write_file(tmp_path / "token", b"secret", mode=0o600)
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
