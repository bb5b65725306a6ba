"""Where the compiled interpreter is kept, and what is refused of it."""

import os
from pathlib import Path

import pytest

from sandbox.artifacts import ArtifactStore
from sandbox.capi import Engine, EngineConfig
from sandbox.errors import ArtifactError
from sandbox.hostcalls import HostFunctions
from sandbox.python import foundation
from sandbox.python.foundation import PROTOCOL, load_foundation, may_be_missing


def test_the_users_cache_is_used_only_where_nobody_else_can_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = foundation._kept_store()
    assert store is not None
    assert store.folder == tmp_path / "edgefaas" / "python"
    assert store.folder.stat().st_mode & 0o077 == 0
    for mode, usable in ((0o755, True), (0o775, False), (0o757, False)):
        store.folder.chmod(mode)
        assert (foundation._kept_store() is not None) == usable
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert foundation._kept_store() is None


def test_the_oldest_interpreters_are_told_from_the_newest(tmp_path: Path) -> None:
    for age, name in enumerate(("c", "a", "b")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1_000 - age, 1_000 - age))
    (tmp_path / ".making").write_text("")
    (tmp_path / ".new-1-x").mkdir()
    assert foundation._oldest(tmp_path) == ["b", "a", "c"]


def test_an_interpreter_of_another_version_of_this_program_is_not_loaded(tmp_path: Path) -> None:
    engine = Engine(EngineConfig())
    functions, artifacts = HostFunctions(engine), ArtifactStore(tmp_path)
    with pytest.raises(ArtifactError):
        load_foundation("absent", engine, functions, artifacts)
    artifacts.put("old", {}, kind="python-foundation", facts={"protocol": PROTOCOL - 1})
    with pytest.raises(ArtifactError, match="another version of EdgeFaaS"):
        load_foundation("old", engine, functions, artifacts)


def test_only_calls_of_wasi_may_be_left_without_anybody_who_answers_them() -> None:
    assert may_be_missing("wasi:io/poll@0.2.0#poll")
    assert not may_be_missing("malloc")
    assert not may_be_missing("PyObject_Call")
