"""A release is what a folder's server could serve, named by what it holds."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas import release as releases
from edgefaas.control.bundle import digest
from edgefaas.errors import DeployError
from edgefaas.release import FILE_MAX_BYTES, FILES_MAX, Release, from_json, is_release, read_tree

HASH = "0" * 64
names = st.text("abc.-_~ é%", min_size=1, max_size=6).filter(lambda name: not name.startswith("."))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@given(files=st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=5))
def test_every_visible_file_is_in_the_release_and_its_content_is_found_by_its_digest(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    tree = read_tree("assets", folder)
    assert tree.release.files == {name: digest(content) for name, content in files.items()}
    assert {name: path.read_bytes() for name, path in tree.sources.items()} == {
        digest(content): content for content in files.values()
    }
    assert tree.size_bytes == sum(map(len, files.values()))


def test_the_version_is_of_paths_and_contents_alone(tmp_path: Path) -> None:
    one = read_tree("assets", write(tmp_path / "one", a="1", b__c="2")).release
    two = read_tree("other", write(tmp_path / "two", b__c="2", a="1")).release
    assert one.version == two.version
    assert one.name == "origins.assets"
    assert is_release(one.name)
    assert read_tree("assets", write(tmp_path / "two", a="3")).release.version != one.version


def test_hidden_files_stay_at_home_but_for_well_known_ones(tmp_path: Path) -> None:
    write(tmp_path, a="1", _dot_env="secret", _dot_git__config="secret")
    (tmp_path / ".well-known").mkdir()
    (tmp_path / ".well-known" / "security.txt").write_text("mail us")
    assert set(read_tree("assets", tmp_path).release.files) == {"a", ".well-known/security.txt"}


def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    folder = write(tmp_path / "public", a="1")
    (folder / "b").symlink_to(tmp_path / "secret")
    with pytest.raises(DeployError, match="leads outside"):
        read_tree("assets", folder)
    (folder / "b").unlink()
    (folder / "c").symlink_to(tmp_path)
    with pytest.raises(DeployError, match="link to a folder"):
        read_tree("assets", folder)


def test_both_sides_of_every_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a="12", b="3")
    for name, allowed in (("FILES_MAX", 2), ("RELEASE_MAX_BYTES", 3), ("FILE_MAX_BYTES", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(releases, name, allowed)
            read_tree("assets", tmp_path)
            patch.setattr(releases, name, allowed - 1)
            with pytest.raises(DeployError):
                read_tree("assets", tmp_path)
    assert FILE_MAX_BYTES < releases.RELEASE_MAX_BYTES


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="0 files"):
        read_tree("assets", tmp_path)
    with pytest.raises(DeployError, match="no folder"):
        read_tree("assets", tmp_path / "none")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"../a": HASH},
        {"/a": HASH},
        {"a//b": HASH},
        {".env": HASH},
        {"a/.git/b": HASH},
        {"a\\b": HASH},
        {"a\x00": HASH},
        {"a": HASH, "a/b": HASH},
        {"a": "short"},
        {"a": "G" * 64},
        {"a": 1},
        {f"f{number}": HASH for number in range(FILES_MAX + 1)},
    ],
)
def test_what_no_folder_could_serve_is_refused(files: dict[str, str]) -> None:
    with pytest.raises(DeployError):
        from_json({"origin": "assets", "files": files})


def test_a_name_with_any_other_character_is_served_as_it_is() -> None:
    made = Release(origin="assets", files={"a b%/é (1).html": HASH, ".well-known/x": HASH})
    assert from_json({"origin": "assets", "files": dict(made.files)}) == made
    wrong: list[Any] = [{}, {"origin": "", "files": {"a": HASH}}, {"origin": "a/b", "files": {"a": HASH}}, []]
    for plain in wrong:
        with pytest.raises(DeployError):
            from_json(plain)
