"""While two versions of a folder are live, the files of both are reachable."""

import asyncio
from pathlib import Path

import pytest

from edgefaas.contract import LiveRelease
from edgefaas.directory import ReleasedFiles, Releases
from edgefaas.errors import DeployError
from edgefaas.message import Body, Request
from edgefaas.site import DirectoryOrigin
from edgefaas.split import Affinity, Split
from edgefaas.telemetry import Meter

HASHED = "app.0123abcd.js"
SPLIT = Split(live="1", canary="2", share=1, affinity=Affinity(), salt="s")


def tree(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder.name


class Served:
    """An origin whose folder says "disk", with versions beside it."""

    def __init__(self, folder: Path, fallback: str | None = None) -> None:
        tree(folder / "public", index_html="disk", only_txt="disk")
        self.releases = Releases(folder)
        origin = DirectoryOrigin(name="assets", directory=folder / "public", fallback=fallback)
        self.meter = Meter()
        self.files = ReleasedFiles(origin, self.releases, self.meter)

    def errors(self, version: str) -> tuple[int, int]:
        """Return how many answers a version gave, and how many of them count as its errors."""
        meter = self.meter.releases["origins.assets", version]
        return meter.runs, meter.errors

    def get(self, path: str, *, canary: bool = False) -> tuple[int, Body]:
        chosen = frozenset({"origins.assets"}) if canary else None
        request = Request(method="GET", path=path, canaries=chosen, ran={})
        response = asyncio.run(self.files.fetch(request))
        self.ran = request.ran
        return response.status, response.body


def test_without_a_release_the_folder_on_disk_is_served(tmp_path: Path) -> None:
    served = Served(tmp_path)
    assert served.get("/") == (200, b"disk")
    assert served.ran == {}


def test_a_release_takes_the_place_of_the_folder(tmp_path: Path) -> None:
    served = Served(tmp_path)
    folder = tree(tmp_path / "one", index_html="one")
    served.releases.activate(
        {"origins.assets": LiveRelease(name="origins.assets", version="1", folder=folder)}
    )
    assert served.get("/") == (200, b"one")
    assert served.ran == {"origins.assets": "1"}
    assert served.get("/only.txt")[0] == 404
    served.releases.activate({})
    assert served.get("/") == (200, b"disk")


def split_site(served: Served, tmp_path: Path) -> None:
    old = tree(tmp_path / "old", index_html="old", both_txt="old", gone_txt="old", sub__a_txt="old")
    new = tree(tmp_path / "new", index_html="new", both_txt="new", fresh_txt="new")
    live = LiveRelease(name="origins.assets", version="1", folder=old, also=(new,))
    canary = LiveRelease(name="origins.assets", version="2", folder=new, also=(old,), split=SPLIT)
    served.releases.activate({"origins.assets": live, "origins.assets@canary": canary})


def test_each_side_serves_its_own_and_what_only_the_other_has(tmp_path: Path) -> None:
    served = Served(tmp_path)
    split_site(served, tmp_path)
    for canary, own in ((False, b"old"), (True, b"new")):
        assert served.get("/", canary=canary) == (200, own)
        assert served.get("/both.txt", canary=canary) == (200, own)
        assert served.get("/gone.txt", canary=canary) == (200, b"old")
        assert served.get("/sub/a.txt", canary=canary) == (200, b"old")
        assert served.get("/fresh.txt", canary=canary) == (200, b"new")
        assert served.get("/none.txt", canary=canary)[0] == 404


def test_a_file_of_the_other_side_comes_before_the_application_s_fallback(tmp_path: Path) -> None:
    served = Served(tmp_path, fallback="index.html")
    split_site(served, tmp_path)
    assert served.get("/gone.txt", canary=True) == (200, b"old")
    assert served.get("/a/page", canary=True) == (200, b"new")


def test_of_versions_before_only_files_with_a_hash_in_their_name_stay(tmp_path: Path) -> None:
    served = Served(tmp_path)
    before = tree(tmp_path / "before", gone_txt="before")
    (tmp_path / "before" / HASHED).write_text("before")
    now = tree(tmp_path / "now", index_html="now")
    served.releases.activate(
        {"origins.assets": LiveRelease(name="origins.assets", version="2", folder=now, before=(before,))}
    )
    assert served.get(f"/{HASHED}") == (200, b"before")
    assert served.get("/gone.txt")[0] == 404


def test_what_a_version_lost_is_its_error_and_what_never_was_is_not(tmp_path: Path) -> None:
    served = Served(tmp_path)
    before = tree(tmp_path / "before", gone_txt="before")
    (tmp_path / "before" / HASHED).write_text("before")
    now = tree(tmp_path / "now", index_html="now")
    live = LiveRelease(name="origins.assets", version="2", folder=now, before=(before,))
    served.releases.activate({"origins.assets": live})
    for path, errors in (("/", 0), (f"/{HASHED}", 0), ("/never.txt", 0), ("/%2e%2e/x", 0), ("/gone.txt", 1)):
        served.get(path)
        assert served.errors("2")[1] == errors
    assert served.errors("2")[0] == 5


def test_what_a_canary_has_from_the_other_side_is_its_error_and_not_the_other_s(tmp_path: Path) -> None:
    served = Served(tmp_path)
    split_site(served, tmp_path)
    for path in ("/", "/fresh.txt", "/gone.txt", "/sub/a.txt", "/none.txt"):
        for canary in (False, True):
            served.get(path, canary=canary)
    assert (served.errors("1"), served.errors("2")) == ((5, 0), (5, 2))


def test_precompressed_siblings_come_from_the_same_version(tmp_path: Path) -> None:
    served = Served(tmp_path)
    old = tree(tmp_path / "old", a_js="old")
    new = tree(tmp_path / "new", a_js_gz="of the new one", index_html="new")
    live = LiveRelease(name="origins.assets", version="2", folder=new, also=(old,))
    served.releases.activate({"origins.assets": live})
    assert served.get("/a.js") == (200, b"old")


def test_a_tree_that_is_not_there_is_refused(tmp_path: Path) -> None:
    live = {"origins.assets": LiveRelease(name="origins.assets", version="2", folder="none")}
    with pytest.raises(DeployError, match="are not there"):
        Releases(tmp_path).check(live)
