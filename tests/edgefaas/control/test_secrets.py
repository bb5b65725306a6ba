"""Keys, seals and the vault: what is sealed comes back, to whom it belongs, whatever is killed or lost."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.contract import LiveFunction
from edgefaas.control.keyring import KEY_FILE, KEYS_MAX, Key, KeyRing, new_key, parse_keys, read_keys
from edgefaas.control.orders import Order, Terms
from edgefaas.control.schema import LAYOUT
from edgefaas.control.sealing import UnsealError, seal, unseal
from edgefaas.control.store import Store
from edgefaas.control.vault import (
    SECRETS_MAX,
    TOTAL_MAX_BYTES,
    VALUE_MAX_BYTES,
    SecretError,
    UnknownSecretError,
    Vault,
    checked_name,
    checked_value,
)
from edgefaas.errors import DeployError, StateError
from tests.edgefaas.control.making import build, bundle, version
from tests.edgefaas.control.plane import Plane

ME = Order(actor="me")

KEY, OTHER = Key(b"k" * 32), Key(b"o" * 32)
KILLS = 8


@given(value=st.text(), function=st.text(), name=st.text())
@settings(max_examples=50)
def test_a_seal_opens_with_its_key_for_its_function_and_name_and_for_nothing_else(
    value: str, function: str, name: str
) -> None:
    sealed = seal(KEY, function=function, name=name, value=value)
    assert unseal(KEY, sealed, function=function, name=name) == value
    assert sealed.octets != seal(KEY, function=function, name=name, value=value).octets
    broken = replace(sealed, octets=bytes([*sealed.octets[:-1], sealed.octets[-1] ^ 1]))
    for key, seen, whose, called in [
        (OTHER, sealed, function, name),
        (KEY, sealed, function + "x", name),
        (KEY, sealed, function, name + "x"),
        (KEY, broken, function, name),
        (KEY, replace(sealed, octets=b""), function, name),
        (KEY, replace(sealed, octets=sealed.octets[:12]), function, name),
    ]:
        with pytest.raises(UnsealError):
            unseal(key, seen, function=whose, name=called)


def test_a_digest_tells_equal_values_apart_from_others_and_depends_on_the_key() -> None:
    def digest(value: str, key: object = KEY) -> str:
        return seal(KEY if key is KEY else OTHER, function="f", name="n", value=value).digest

    assert digest("a") == digest("a") != digest("b")
    assert digest("a") != digest("a", OTHER)
    assert len(digest("a")) == 8


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=KEYS_MAX, unique=True))
def test_written_keys_are_read_back_in_their_order(octets: list[bytes]) -> None:
    keys = tuple(replace(KEY, octets=item) for item in octets)
    for text in (",".join(key.text for key in keys), "# a comment\n" + "\n".join(key.text for key in keys)):
        assert parse_keys(text, where="here") == keys


@pytest.mark.parametrize(
    "text",
    ["", "# nothing", "abc", "edgefaas-key-1:", "edgefaas-key-1:AAAA", "edgefaas-key-1:é", KEY.text[:-4],
     f"{KEY.text} {KEY.text}", " ".join(Key(bytes([n] * 32)).text for n in range(KEYS_MAX + 1))],
)  # fmt: skip
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(StateError) as refused:
        parse_keys(text, where="the variable")
    assert str(refused.value).startswith("the variable")
    assert KEY.text[20:40] not in f"{refused.value} {refused.value.remedy} {KEY!r}"


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY.text)
    path.chmod(0o600)
    assert read_keys(path) == (KEY,)
    path.chmod(0o640)
    with pytest.raises(StateError, match="read by others"):
        read_keys(path)
    with pytest.raises(StateError, match="cannot be read"):
        read_keys(tmp_path / "missing")


class Kept:
    """A vault with its folder."""

    def __init__(self, folder: Path, **ring: object) -> None:
        self.folder = folder
        self.store = Store(folder / "control.sqlite3")
        self.vault = Vault(self.store, KeyRing(folder, **ring))  # type: ignore[arg-type]
        self.vault.load()

    def again(self, **ring: object) -> "Kept":
        self.store.close()
        return Kept(self.folder, **ring)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.store.close()


def test_secrets_come_back_after_a_restart_and_are_not_on_disk_as_they_are(kept: Kept) -> None:
    assert not (kept.folder / KEY_FILE).exists()  # not before it is needed
    about = kept.vault.put("f", "API_KEY", "open sesame", now_s=1.0)
    assert (about.created_at_s, about.changed_at_s) == (1.0, 1.0)
    again = kept.vault.put("f", "API_KEY", "open sesame!", now_s=2.0)
    assert (again.created_at_s, again.changed_at_s) == (1.0, 2.0)
    assert again.digest != about.digest
    assert (kept.folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert kept.again().vault.of("f") == {"API_KEY": "open sesame!"}
    for path in kept.folder.iterdir():
        assert b"open sesame" not in path.read_bytes()


def test_rotation_changes_the_key_and_nothing_that_people_see(kept: Kept) -> None:
    for name in ("A", "B"):
        kept.vault.put("f", name, f"value of {name}", now_s=1.0)
    before = kept.vault.secrets()
    old = (kept.folder / KEY_FILE).read_bytes()
    assert kept.vault.rotate() == 2
    assert [replace(item, key_id="") for item in kept.vault.secrets()] == [
        replace(item, key_id="") for item in before
    ]
    assert {item.key_id for item in before}.isdisjoint(item.key_id for item in kept.vault.secrets())
    again = kept.again()
    assert again.vault.of("f") == {"A": "value of A", "B": "value of B"}
    (kept.folder / KEY_FILE).write_bytes(old)
    with pytest.raises(StateError, match="is sealed with key"):
        again.again()


def test_a_rotation_that_was_interrupted_is_finished_at_the_next_start(kept: Kept) -> None:
    kept.vault.put("f", "A", "value", now_s=1.0)
    ring = KeyRing(kept.folder)
    ring.replace([new_key(), *ring.keys()])  # as far as a kill may let it come
    again = kept.again()
    assert again.vault.of("f") == {"A": "value"}
    (key,) = ring.keys()
    assert {item.key_id for item in again.vault.secrets()} == {key.id}


def test_keys_from_outside_are_used_and_never_written(kept: Kept) -> None:
    outside = kept.again(given=(KEY,), where="EDGEFAAS_SECRET_KEY")
    outside.vault.put("f", "A", "value", now_s=1.0)
    assert not (kept.folder / KEY_FILE).exists()
    with pytest.raises(SecretError, match="come from EDGEFAAS_SECRET_KEY"):
        outside.vault.rotate()
    with pytest.raises(StateError, match=f"{KEY.id}, which is not in EDGEFAAS_SECRET_KEY"):
        outside.again(given=(OTHER,), where="EDGEFAAS_SECRET_KEY")
    both = Kept(kept.folder, given=(OTHER, KEY), where="EDGEFAAS_SECRET_KEY")
    assert both.vault.secrets()[0].key_id == OTHER.id
    assert both.again(given=(OTHER,)).vault.of("f") == {"A": "value"}


def test_a_lost_key_refuses_the_start_until_what_is_lost_is_discarded(kept: Kept) -> None:
    kept.vault.put("f", "LOST", "value", now_s=1.0)
    (kept.folder / KEY_FILE).unlink()
    with pytest.raises(StateError, match='Secret "LOST" of function "f"') as refused:
        kept.vault.load()
    assert "edgefaas secret discard" in refused.value.remedy
    assert [item.name for item in kept.vault.discard()] == ["LOST"]
    kept.vault.load()
    assert kept.vault.secrets() == []


def test_a_secret_moved_to_another_function_in_the_database_does_not_open(kept: Kept) -> None:
    kept.vault.put("f", "A", "value", now_s=1.0)
    with kept.store.transaction() as db:
        db.execute("UPDATE secrets SET function = 'thief'")
    with pytest.raises(StateError, match="damaged"):
        kept.vault.load()


def test_names_and_values_have_limits_on_both_sides() -> None:
    checked_name("f", "A" * 128)
    for function, name in (("", "A"), ("../f", "A"), ("f", ""), ("f", "1A"), ("f", "A-B"), ("f", "A" * 129)):
        with pytest.raises(SecretError):
            checked_name(function, name)
    assert checked_value(b"x" * VALUE_MAX_BYTES)
    for value in (b"", b"x" * (VALUE_MAX_BYTES + 1), b"\xff", b"secretpart\0"):
        with pytest.raises(SecretError) as refused:
            checked_value(value)
        assert "secretpart" not in str(refused.value)


def test_a_function_has_so_many_secrets_and_no_more(kept: Kept) -> None:
    for number in range(SECRETS_MAX):
        name = f"N{number}"
        assert len(kept.vault.planned("f", name, "v")) == number + 1
        kept.vault.put("f", name, "v", now_s=1.0)
    assert kept.vault.planned("f", "N0", "other")
    with pytest.raises(SecretError, match="101 secrets"):
        kept.vault.planned("f", "ONE_MORE", "v")
    half = "x" * (TOTAL_MAX_BYTES // 2 - 1)
    kept.vault.put("g", "A", half, now_s=1.0)
    assert kept.vault.planned("g", "B", half)
    with pytest.raises(SecretError, match="65537 bytes"):
        kept.vault.planned("g", "B", half + "x")
    with pytest.raises(UnknownSecretError):
        kept.vault.planned("g", "C", None)


def running(plane: Plane, name: str = "hello") -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the environment that workers run a function with, and which of it are secrets."""
    live = plane.workers.functions[name]
    assert isinstance(live, LiveFunction)
    return dict(live.environment), live.secrets


def test_a_secret_is_in_workers_and_on_disk_and_survives_deploy_and_rollback(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle(text="one", environment={"A": "of one", "B": "of one"})], ME))
    asyncio.run(plane.equipped.put_secret("hello", "A", "secret"))
    assert running(plane) == ({"A": "secret", "B": "of one"}, ("A",))
    asyncio.run(plane.deployer.deploy([bundle(text="two", environment={"B": "of two"})], ME))
    assert running(plane) == ({"A": "secret", "B": "of two"}, ("A",))
    asyncio.run(plane.deployer.rollback("hello", None, ME))
    assert running(plane) == ({"A": "secret", "B": "of one"}, ("A",))
    asyncio.run(plane.equipped.remove_secret("hello", "A"))
    assert running(plane) == ({"A": "of one", "B": "of one"}, ())
    plane.agrees()


def test_a_canary_has_the_secrets_of_its_function_and_others_have_not(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle(text="one"), bundle("other", "one")], ME))
    asyncio.run(plane.equipped.put_secret("hello", "A", "first"))
    asyncio.run(plane.deployer.deploy([bundle(text="two")], ME, Terms(share=1_000)))
    asyncio.run(plane.equipped.put_secret("hello", "A", "second"))
    for name in ("hello", "hello@canary"):
        assert running(plane, name) == ({"A": "second"}, ("A",))
    assert running(plane, "other") == ({}, ())
    plane.agrees()


def test_a_function_that_takes_the_name_of_a_removed_one_gets_none_of_its_secrets(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    asyncio.run(plane.equipped.put_secret("hello", "A", "secret"))
    asyncio.run(plane.deployer.remove("hello", ME))
    asyncio.run(plane.deployer.deploy([bundle(text="another")], ME))
    assert running(plane) == ({}, ())
    assert plane.vault.secrets() == []


def test_a_secret_that_workers_or_disk_refuse_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle(text="one")], ME))
    asyncio.run(plane.equipped.put_secret("hello", "A", "first"))

    def fail(*_: object, **__: object) -> None:
        raise StateError("the disk is full", remedy="Free some room.")

    monkeypatch.setattr(plane.vault, "put", fail)
    with pytest.raises(StateError):
        asyncio.run(plane.equipped.put_secret("hello", "A", "second"))
    assert running(plane) == ({"A": "first"}, ("A",))
    monkeypatch.undo()

    async def refuse(_: object) -> None:
        raise DeployError("refused", remedy="Do not.")

    monkeypatch.setattr(plane.workers, "activate", refuse)
    with pytest.raises(DeployError):
        asyncio.run(plane.equipped.put_secret("hello", "A", "second"))
    assert plane.vault.of("hello") == {"A": "first"}


def test_secrets_and_versions_that_change_at_the_same_time_do_not_undo_each_other(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    asyncio.run(plane.deployer.deploy([bundle(text="start")], ME))

    async def all_at_once() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(plane.deployer.deploy([bundle(text=f"text {number}")], ME))
                group.create_task(plane.equipped.put_secret("hello", f"N{number % 5}", f"value {number}"))

    asyncio.run(all_at_once())
    plane.agrees()
    assert running(plane)[0] == dict(plane.vault.of("hello"))
    assert len(running(plane)[0]) == 5


def test_an_older_store_gets_the_table(tmp_path: Path) -> None:
    store = Store(tmp_path / "control.sqlite3")
    with store.transaction() as db:
        db.execute("DROP TABLE secrets")
    store.versions.add(version(), build())
    store.query("SELECT 1")
    store.close()
    db2 = sqlite3.connect(tmp_path / "control.sqlite3")
    db2.execute(f"PRAGMA user_version = {len(LAYOUT.scripts) - 1}")
    db2.close()
    again = Store(tmp_path / "control.sqlite3")
    assert again.query("SELECT * FROM secrets") == []
    assert [item.function for item in again.versions.of("hello")] == ["hello"]
    again.close()


WRITER = """
import sys
from pathlib import Path
from edgefaas.control.keyring import KeyRing
from edgefaas.control.store import Store
from edgefaas.control.vault import Vault
folder, first = Path(sys.argv[1]), int(sys.argv[2])
vault = Vault(Store(folder / "control.sqlite3"), KeyRing(folder))
vault.load()
print("begun", flush=True)
for number in range(first, first + 100_000):
    vault.put("f", f"N{number % 20}", f"value {number}", now_s=float(number))
    if number % 3 == 0:
        vault.rotate()
    print(number, flush=True)
"""


@pytest.mark.slow
def test_kills_in_the_middle_of_puts_and_rotations_lose_nothing(tmp_path: Path) -> None:
    chance, first = random.Random(3), 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 25))]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        said = [int(line) for line in lines if line.endswith("\n") and line != "begun\n"]
        kept = Kept(tmp_path)
        found = kept.vault.of("f")
        for number in said[-20:]:
            # The one that was being written when the kill came may be there already.
            assert found[f"N{number % 20}"] in {f"value {number}", f"value {said[-1] + 1}"}
        assert len(KeyRing(tmp_path).keys()) <= 1
        kept.store.close()
        first = max(said, default=first) + 2
    assert first > KILLS
