"""The file of pairs: it is what a dictionary would be, for every reader at once, and all or nothing."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.errors import KvConflictError, KvError, KvNotFoundError, KvQuotaError, StateError
from edgefaas.kv.memory import MemoryPairs
from edgefaas.kv.pairfile import PAGE_BYTES_MAX, PairFile
from edgefaas.kv.pairs import ANYTHING, Batch, Expected
from edgefaas.kv.store import PairStore
from edgefaas.site import KvNamespace

NAMESPACE = KvNamespace(name="n", bytes_max=60)
ROOMY = KvNamespace(name="roomy")


class Pairs:
    """A store and a reader of it, as the supervisor and a worker have them."""

    def __init__(self, folder: Path) -> None:
        self.store = PairStore(folder / "kv.sqlite3")
        for namespace in (NAMESPACE, ROOMY):
            assert self.store.make(namespace, None, now_s=1.0).result()
        self.file = PairFile(folder / "kv.sqlite3")

    def put(self, key: bytes, value: bytes, expected: Expected = ANYTHING, *, to: KvNamespace = ROOMY) -> str:
        facts = self.store.write(to, Batch(puts=((key, value),)), expected, now_s=2.0).result()
        return f"k{facts.revision}"

    def close(self) -> None:
        self.file.close()
        self.store.close()


@pytest.fixture
def pairs(tmp_path: Path) -> Iterator[Pairs]:
    made = Pairs(tmp_path)
    yield made
    made.close()


keys = st.sampled_from([b"a", b"ab", b"abc", b"b", "é".encode()])
batches = st.builds(
    Batch,
    puts=st.lists(st.tuples(keys, st.binary(max_size=25)), max_size=3, unique_by=lambda put: put[0]),
    deletes=st.lists(keys, max_size=2, unique=True),
    everything=st.booleans(),
    must_exist=st.booleans(),
)


def refusal(write: Callable[[], object]) -> type[Exception] | None:
    try:
        write()
    except KvError as error:
        return type(error)
    return None


@given(writes=st.lists(batches, max_size=8), prefix=keys | st.just(b""), limit=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_file_does_and_refuses_what_a_dictionary_would(
    writes: list[Batch], prefix: bytes, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made, model = Pairs(tmp_path_factory.mktemp("kv")), MemoryPairs()
    try:
        for batch in writes:
            refused = [
                refusal(lambda: made.store.write(NAMESPACE, batch, ANYTHING, now_s=2.0).result()),  # noqa: B023  # at once
                refusal(lambda: model.write(NAMESPACE, batch, ANYTHING)),  # noqa: B023  # at once
            ]
            assert refused[0] is refused[1]
            real, modelled = made.file.facts("n"), model.facts("n")
            assert real is not None
            assert (real.count, real.size_bytes) == (modelled.count, modelled.size_bytes)
        for key in (b"a", b"ab", b"abc", b"b", b"c"):
            assert made.file.get("n", key) == model.get(key)
            assert made.file.has("n", key) == model.has(key)
        after, listed = b"", []
        while True:
            pages = [
                made.file.page("n", prefix=prefix, after=after, limit=limit, values=True),
                model.page(prefix=prefix, after=after, limit=limit),
            ]
            found = [[(entry.key, entry.value) for entry in page.entries] for page in pages]
            assert found[0] == found[1]
            assert pages[0].more == pages[1].more
            listed += found[0]
            if not pages[0].more:
                break
            after = listed[-1][0]
        assert len(listed) == len(dict(listed))
    finally:
        made.close()


def test_a_reader_sees_a_write_as_soon_as_it_is_acknowledged(pairs: Pairs) -> None:
    for number in range(50):
        pairs.put(b"k", b"%d" % number)
        assert pairs.file.get("roomy", b"k") == b"%d" % number


def test_a_write_that_comes_too_late_is_refused_and_changes_nothing(pairs: Pairs) -> None:
    first = pairs.put(b"k", b"1", Expected(absent=True))
    second = pairs.put(b"k", b"2", Expected(etags=(first,)))
    assert second != first
    for late in (Expected(absent=True), Expected(etags=(first,)), Expected(etags=("n1",))):
        with pytest.raises(KvConflictError):
            pairs.put(b"k", b"3", late)
    facts = pairs.file.facts("roomy")
    assert facts is not None
    pairs.put(b"k", b"4", Expected(etags=(facts.etag,)))
    assert pairs.file.get("roomy", b"k") == b"4"


def test_no_etag_comes_back_when_a_namespace_is_dropped_and_made_again(pairs: Pairs) -> None:
    before = pairs.put(b"k", b"1")
    assert pairs.store.drop("roomy").result() == 1
    assert pairs.store.make(ROOMY, None, now_s=3.0).result()
    assert pairs.put(b"k", b"1") != before
    with pytest.raises(KvNotFoundError):
        pairs.store.drop("never").result()


def test_a_batch_over_the_namespaces_limit_leaves_nothing_and_one_at_the_limit_goes_in(pairs: Pairs) -> None:
    with pytest.raises(KvQuotaError, match="would have 61 bytes; it has at most 60"):
        pairs.store.write(
            NAMESPACE, Batch(puts=((b"a", b"1"), (b"b", b"x" * 58))), ANYTHING, now_s=1.0
        ).result()
    assert pairs.file.get("n", b"a") is None
    pairs.store.write(NAMESPACE, Batch(puts=((b"a", b"1"), (b"b", b"x" * 57))), ANYTHING, now_s=1.0).result()
    lowered = KvNamespace(name="n", bytes_max=10)
    pairs.store.write(lowered, Batch(puts=((b"b", b"x" * 30),)), ANYTHING, now_s=1.0).result()  # it shrinks
    with pytest.raises(KvQuotaError):
        pairs.store.write(lowered, Batch(puts=((b"b", b"x" * 31),)), ANYTHING, now_s=1.0).result()


def test_a_refused_write_does_not_take_its_neighbours_with_it(pairs: Pairs) -> None:
    good = [Batch(puts=((b"g%d" % number, b""),)) for number in range(20)]
    bad = Batch(deletes=(b"missing",), must_exist=True)
    futures = [pairs.store.write(ROOMY, batch, ANYTHING, now_s=1.0) for item in good for batch in (item, bad)]
    assert [future.exception() is None for future in futures] == [True, False] * 20
    assert pairs.file.page("roomy", limit=100).entries[-1].key == b"g9"


def test_a_seed_is_in_a_namespace_from_its_first_instant_and_never_again(pairs: Pairs) -> None:
    seeded = KvNamespace(name="seeded")
    seed = Batch(puts=((b"k", b"from the file"),))
    assert pairs.store.make(seeded, seed, now_s=1.0).result()
    pairs.put(b"k", b"changed", to=seeded)
    assert not pairs.store.make(seeded, seed, now_s=1.0).result()
    assert pairs.file.get("seeded", b"k") == b"changed"


def test_a_snapshot_stays_as_it_was_while_others_write(pairs: Pairs) -> None:
    pairs.put(b"k", b"before")
    with pairs.file.snapshot():
        assert pairs.file.get("roomy", b"k") == b"before"
        pairs.put(b"k", b"after")
        assert pairs.file.get("roomy", b"k") == b"before"
    assert pairs.file.get("roomy", b"k") == b"after"


def test_a_page_of_values_ends_when_it_is_large(pairs: Pairs) -> None:
    for number in range(6):
        pairs.put(b"%d" % number, b"x" * 1024 * 1024)
    page = pairs.file.page("roomy", limit=100, values=True)
    assert page.more
    assert sum(entry.size_bytes for entry in page.entries) <= PAGE_BYTES_MAX + 1024 * 1024
    assert not pairs.file.page("roomy", limit=100).more


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    PairStore(tmp_path / "kv.sqlite3").close()
    assert (tmp_path / "kv.sqlite3").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_store_or_of_a_newer_edgefaas_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(os.urandom(5000))
    with pytest.raises(StateError, match="cannot be used"):
        PairStore(tmp_path / "garbage")
    with pytest.raises(StateError, match="cannot be used"):
        PairFile(tmp_path / "missing")
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StateError, match="schema 99"):
        PairStore(tmp_path / "newer")


FULL = """
import resource, signal, sys
from pathlib import Path
from edgefaas.errors import StateError
from edgefaas.kv.pairs import ANYTHING, Batch
from edgefaas.kv.store import PairStore
from edgefaas.kv.pairfile import PairFile
from edgefaas.site import KvNamespace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, namespace = Path(sys.argv[1]), KvNamespace(name="n")
store = PairStore(path)
store.make(namespace, None, now_s=1.0).result()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
put = 0
try:
    while True:
        store.write(namespace, Batch(puts=((b"%d" % put, b"x" * 50_000),)), ANYTHING, now_s=1.0).result()
        put += 1
except StateError as error:
    assert "cannot be" in str(error), error
file = PairFile(path)
assert all(file.has("n", b"%d" % number) for number in range(put)), put
assert file.facts("n").count == put > 0
print("refused after", put)
"""


def test_a_full_disk_refuses_the_write_and_keeps_what_was_there(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "kv.sqlite3")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("refused after ")


def test_waiting_writes_are_bounded(pairs: Pairs) -> None:
    async def all_at_once() -> list[BaseException | None]:
        big = b"x" * 8 * 1024 * 1024
        futures = []
        refused: list[BaseException | None] = []
        for number in range(40):
            try:
                futures.append(
                    pairs.store.write(
                        KvNamespace(name="roomy", bytes_max=1 << 40),
                        Batch(puts=((b"%d" % (number % 2), big),)),
                        ANYTHING,
                        now_s=1.0,
                    )
                )
            except KvError as error:
                refused.append(error)
        for future in futures:
            await asyncio.wrap_future(future)
        return refused

    assert all(isinstance(error, KvError) for error in asyncio.run(all_at_once()))
