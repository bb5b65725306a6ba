"""The store agrees with a dictionary, whatever is done to it and however often it is opened again."""

import asyncio
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgefaas.cache.purge import Purge
from edgefaas.control import audit, schema
from edgefaas.control.audit import AuditLog
from edgefaas.control.purges import KEPT_S, PurgeTable
from edgefaas.control.records import Note
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.errors import StateError, UnknownFunctionError
from tests.edgefaas.control.making import build, version

NAMES = ("a", "b", "c")
TEXTS = ("one", "two", "three")


class StoreMachine(RuleBasedStateMachine):
    """Does to a store and to dictionaries the same things."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "control.sqlite3"
        self.store = Store(self.path)
        self.versions: dict[str, list[str]] = {}
        self.live: dict[str, str] = {}
        self.seeded: dict[str, str] = {}
        self.changes: list[tuple[str, str | None, str | None]] = []
        self.clock_s = 0.0

    @rule(name=st.sampled_from(NAMES), text=st.sampled_from(TEXTS))
    def add(self, name: str, text: str) -> None:
        made = version(name, text)
        number = self.store.versions.add(made, build(text))
        known = self.versions.setdefault(name, [])
        if made.version not in known:
            known.append(made.version)
        assert number == known.index(made.version) + 1

    @precondition(lambda self: self.versions)
    @rule(data=st.data(), action=st.sampled_from(["deploy", "rollback", "seed"]))
    def point(self, data: st.DataObject, action: str) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.versions)), min_size=1, unique=True))
        pointers = {name: data.draw(st.sampled_from(self.versions[name])) for name in chosen}
        self.clock_s += 1
        self.store.set_live(pointers, Note(action=action, actor="me", at_s=self.clock_s))
        for name, wanted in pointers.items():
            self.changes.append((name, wanted, self.live.get(name)))
            self.live[name] = wanted
            if action == "seed":
                self.seeded[name] = wanted

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        if name not in self.versions:
            with pytest.raises(UnknownFunctionError):
                self.store.remove(name, Note(action="rm", actor="me", at_s=1.0))
            return
        self.store.remove(name, Note(action="rm", actor="me", at_s=1.0))
        self.changes.append((name, None, self.live.pop(name, None)))
        del self.versions[name]
        self.seeded.pop(name, None)

    @rule(name=st.sampled_from(NAMES))
    def point_to_what_is_not_there(self, name: str) -> None:
        good = {other: known[0] for other, known in self.versions.items() if other != name}
        with pytest.raises(UnknownFunctionError):
            self.store.set_live({**good, name: "0" * 64}, Note(action="deploy", actor="me", at_s=1.0))

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = Store(self.path)

    @invariant()
    def agrees(self) -> None:
        assert {name: item.version for name, item in self.store.live().items()} == self.live
        assert self.store.seeded() == self.seeded
        for name in NAMES:
            stored = [item.version for item in reversed(self.store.versions.of(name))]
            assert stored == self.versions.get(name, [])
            one = self.store.live_version(name)
            assert (one.version if one else None) == self.live.get(name)
        history = [(item.function, item.version, item.previous) for item in self.store.history(limit=10_000)]
        assert history == list(reversed(self.changes))

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


StoreMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
test_the_store_agrees_with_a_dictionary = pytest.mark.slow(StoreMachine.TestCase)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "control.sqlite3")


def test_a_version_comes_back_as_it_was_stored(store: Store) -> None:
    made = version("hello", "one", at_s=7.5)
    store.versions.add(made, build("one"))
    (found,) = store.versions.of("hello")
    assert (found.version, found.files, found.settings) == (made.version, made.files, made.settings)
    assert (found.number, found.created_at_s, found.size_bytes) == (1, 7.5, 3)
    assert store.versions.build("hello", made.version) == build("one")


def test_a_version_is_found_by_number_and_by_the_first_digits_of_its_hash(store: Store) -> None:
    one, two = version(text="one"), version(text="two")
    for made in (one, two):
        store.versions.add(made, build())
    for wanted in ("1", "v1", one.version, one.version[:12], one.version[:4].upper()):
        assert store.versions.find("hello", wanted).version == one.version
    assert store.versions.find("hello", "2").version == two.version


@pytest.mark.parametrize("wanted", ["", "v", "3", "0", "abc", "zzzz", "ffffffffffff", "%", "____"])
def test_a_version_that_is_not_there_is_named_in_the_refusal(store: Store, wanted: str) -> None:
    store.versions.add(version(text="one"), build())
    with pytest.raises(UnknownFunctionError) as refusal:
        store.versions.find("hello", wanted)
    assert "edgefaas versions hello" in refusal.value.remedy


def test_a_purge_is_open_until_it_is_confirmed(store: Store) -> None:
    purge = Purge(kind="tag", value="news", soft=True)
    purges = PurgeTable(store)
    number = purges.begin(purge, actor="me", at_s=5.0)
    assert [(item.purge, item.removed) for item in purges.last()] == [(purge, None)]
    purges.end(number, removed=3)
    assert [(item.id, item.removed) for item in purges.last(since_s=5.0)] == [(number, 3)]
    assert purges.last(since_s=5.1) == []


def test_a_store_of_a_newer_edgefaas_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.LAYOUT.scripts) + 1}")
    db.close()
    with pytest.raises(StateError, match="schema"):
        Store(path)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "control.sqlite3"
    path.write_bytes(content)
    with pytest.raises(StateError) as refusal:
        Store(path)
    assert "--data" in refusal.value.remedy


def test_a_full_disk_is_refused_and_changes_nothing(store: Store) -> None:
    store.versions.add(version(text="one"), build())
    ((pages,),) = store.query("PRAGMA page_count")
    store.query(f"PRAGMA max_page_count = {pages}")
    too_large = replace(version(text="more"), settings={"environment": {"A": "x" * 100_000}})
    with pytest.raises(StateError, match="full"):
        store.versions.add(too_large, build())
    store.query("PRAGMA max_page_count = 1000000")
    known = len(store.versions.of("hello"))
    store.versions.add(version(text="at last"), build())
    assert len(store.versions.of("hello")) == known + 1


def test_a_store_of_the_first_schema_becomes_one_of_today_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "control.sqlite3"
    with monkeypatch.context() as older:
        older.setattr(schema, "LAYOUT", replace(schema.LAYOUT, scripts=schema.LAYOUT.scripts[:1]))
        first = Store(path)
        first.versions.add(version(text="one"), build())
        first.close()
    store = Store(path)
    assert [item.version for item in store.versions.of("hello")] == [version(text="one").version]
    PurgeTable(store).note_boot("value")
    assert PurgeTable(store).boot() == "value"
    store.close()


def test_old_purges_are_forgotten_and_younger_ones_kept(store: Store) -> None:
    purges = PurgeTable(store)
    for at_s in (0.0, 1.0):
        purges.begin(Purge(kind="tag", value="x"), actor="me", at_s=at_s)
    purges.prune(now_s=KEPT_S + 1.0)
    assert [record.at_s for record in purges.last()] == [1.0]


def test_old_audit_entries_are_forgotten_and_younger_ones_kept(store: Store) -> None:
    times_s = iter((0.0, 1.0, audit.KEPT_S + 1.0))
    log = AuditLog(store, DiskThread(), clock=lambda: next(times_s))

    async def main() -> list[float]:
        for _ in range(2):
            await log.note(actor="me", action="rm", target="x", status=200)
        await log.prune()
        return [entry["at_s"] for entry in await log.last(10)]

    assert asyncio.run(main()) == [1.0]
