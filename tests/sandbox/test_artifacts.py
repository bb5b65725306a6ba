"""Artefacts: what was written here loads, and nothing else does."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.artifacts import ArtifactStore
from sandbox.errors import ArtifactError

FILES = {"code": b"native", "data": b""}


def test_an_artefact_comes_back_as_it_was_put(tmp_path: Path) -> None:
    ArtifactStore(tmp_path).put("a1", FILES, kind="event", facts={"n": 1}, warnings=("careful",))
    found = ArtifactStore(tmp_path).open("a1")
    assert {name: found.read(name) for name in FILES} == FILES
    assert (found.kind, found.facts, found.warnings) == ("event", {"n": 1}, ("careful",))


def test_the_first_of_two_equal_artefacts_stays(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("a1", FILES, kind="event")
    before = store.open("a1").path("code").stat().st_ino
    store.put("a1", FILES, kind="event")
    assert store.open("a1").path("code").stat().st_ino == before


def test_a_damaged_artefact_is_replaced_by_building_again(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("a1", FILES, kind="event")
    store.open("a1").path("code").write_bytes(b"other")
    store.put("a1", FILES, kind="event")
    assert store.open("a1").read("code") == b"native"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(["code", "manifest.json"]), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_changed_bit_is_loaded(tmp_path: Path, file: str, at: int, bit: int) -> None:
    store = ArtifactStore(tmp_path)
    store.remove("a1")
    store.put("a1", FILES, kind="event", facts={"n": 1})
    path = tmp_path / "a1" / file
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(bytes(data))
    try:
        found = store.open("a1")
    except ArtifactError:
        return
    # A manifest may be spelt in other ways that mean the same.
    assert json.loads(path.read_bytes())["manifest"]["facts"] == found.facts == {"n": 1}


def test_an_artefact_of_another_machine_is_not_loaded(tmp_path: Path) -> None:
    ArtifactStore(tmp_path / "theirs").put("a1", FILES, kind="event")
    store = ArtifactStore(tmp_path / "ours")
    shutil.copytree(tmp_path / "theirs" / "a1", tmp_path / "ours" / "a1")
    with pytest.raises(ArtifactError, match="not built on this machine"):
        store.open("a1")


def test_an_artefact_does_not_load_under_another_name(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("a1", FILES, kind="event")
    (tmp_path / "a1").rename(tmp_path / "a2")
    with pytest.raises(ArtifactError):
        store.open("a2")


@pytest.mark.parametrize("name", ["", ".", "..", "../a1", "a/b", "missing", ".key"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    store = ArtifactStore(tmp_path)
    store.put("a1", FILES, kind="event")
    with pytest.raises(ArtifactError):
        store.open(name)


def test_the_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ArtifactStore(tmp_path)
    assert (tmp_path / ".key").stat().st_mode & 0o777 == 0o600


def test_what_a_killed_process_left_half_written_is_swept_up(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    (tmp_path / ".new-123-abc").mkdir()
    (tmp_path / ".new-123-abc" / "code").write_bytes(b"half")
    (tmp_path / ".new-1234-def").mkdir()
    store.sweep(123)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".key", ".new-1234-def"]


def test_a_removed_artefact_is_gone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("a1", FILES, kind="event")
    assert store.has("a1")
    store.remove("a1")
    assert not store.has("a1")
    with pytest.raises(ArtifactError):
        store.open("a1")
