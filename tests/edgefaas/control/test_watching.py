"""A change of a watched file is noticed; what is skipped is not."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.config import parse_site
from edgefaas.site import FunctionSpec, Site
from edgefaas.watching import changed, only_served, served, snapshot, watched

paths = st.builds(Path, st.sampled_from("abcd"))
snapshots = st.dictionaries(paths, st.tuples(st.integers(0, 2), st.integers(0, 2)))


@given(snapshots, snapshots)
def test_exactly_what_differs_is_changed(
    before: dict[Path, tuple[int, int]], after: dict[Path, tuple[int, int]]
) -> None:
    for path in before.keys() | after.keys():
        assert (path in changed(before, after)) == (before.get(path) != after.get(path))


def test_files_that_come_go_and_change_are_seen_but_not_those_of_tools(tmp_path: Path) -> None:
    config, folder = tmp_path / "edgefaas.toml", tmp_path / "f"
    (folder / "deep").mkdir(parents=True)
    (folder / "node_modules").mkdir()
    config.write_text("")
    site = Site(name="x", functions={"f": FunctionSpec(name="f", source=folder)})
    before = snapshot(watched(config, site))
    (folder / "deep" / "a.js").write_text("1")
    (folder / "node_modules" / "b.js").write_text("1")
    middle = snapshot(watched(config, site))
    assert changed(before, middle) == [folder / "deep" / "a.js"]
    config.unlink()
    assert changed(middle, snapshot(watched(config, site))) == [config]


def test_a_file_that_is_only_served_takes_no_reading_of_the_site(tmp_path: Path) -> None:
    public = tmp_path / "public"
    (public / "edge").mkdir(parents=True)
    (public / "edge" / "f.js").write_text("")
    text = '[origins.a]\ndirectory = "public"\n[functions.f]\nsource = "public/edge/f.js"\n'
    text += '[[behaviors]]\npath = "*"\norigin = "a"\nviewer_request = "f"\n'
    site, config = parse_site(text, folder=tmp_path), tmp_path / "edgefaas.toml"
    assert served(site) == [public]
    assert only_served([public / "a.html", public / "edge" / "b.css"], site, config)
    assert not only_served([public / "a.html", public / "edge" / "f.js"], site, config)
    assert not only_served([config], site, config)
