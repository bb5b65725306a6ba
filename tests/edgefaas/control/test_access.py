"""Who may use the admin API."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.control.access import (
    FAILURES_MAX,
    TOKEN_FILE,
    Access,
    AccessError,
    FailureLimit,
    ForbiddenError,
    TooManyFailuresError,
    UnauthorizedError,
)
from edgefaas.control.sessions import SESSION_LIFE_S, SESSIONS_MAX, TICKET_LIFE_S, TICKETS_MAX
from edgefaas.control.store import Store
from edgefaas.control.tokens import Scope
from edgefaas.errors import StateError


@pytest.fixture
def access(tmp_path: Path) -> Access:
    made = Access(Store(tmp_path / "control.sqlite3"), folder=tmp_path)
    made.load(now_s=0)
    return made


def check(access: Access, secret: str, scope: Scope = Scope.READ, *, now_s: float = 1.0) -> str:
    return access.check(f"Bearer {secret}", scope=scope, address="10.0.0.1", now_s=now_s).name


def test_the_first_token_may_do_everything(access: Access, tmp_path: Path) -> None:
    secret = (tmp_path / TOKEN_FILE).read_text().strip()
    assert len(secret) > 43
    for scope in Scope:
        assert check(access, secret, scope) == "admin"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "bearer\u00e4"]
)
def test_what_is_no_token_is_refused(access: Access, header: str | None) -> None:
    with pytest.raises(UnauthorizedError):
        access.check(header, scope=Scope.READ, address="10.0.0.1", now_s=1)


@given(position=st.integers(0, 30), other=st.characters(codec="ascii", categories=["L", "N"]))
def test_a_token_with_one_other_character_is_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, other: str
) -> None:
    folder = tmp_path_factory.mktemp("access")
    store = Store(folder / "control.sqlite3")
    access = Access(store, folder=folder)
    access.load(now_s=0)
    secret = (folder / TOKEN_FILE).read_text().strip()
    changed = secret[:position] + other + secret[position + 1 :]
    if changed != secret:
        with pytest.raises(UnauthorizedError):
            check(access, changed)
    store.close()


def test_a_token_ends_at_its_very_second(access: Access) -> None:
    secret = access.create("ci", scopes=["deploy"], now_s=0, expires_in_s=10)
    assert check(access, secret, Scope.DEPLOY, now_s=9.999) == "ci"
    with pytest.raises(UnauthorizedError, match="expired"):
        check(access, secret, Scope.DEPLOY, now_s=10)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.PURGE, Scope.ADMIN])
def test_a_token_without_the_scope_is_forbidden(access: Access, scope: Scope) -> None:
    secret = access.create("ci", scopes=["deploy"], now_s=0)
    with pytest.raises(ForbiddenError, match='"ci" may not'):
        check(access, secret, scope)


@pytest.mark.parametrize(
    ("name", "scopes"), [("admin", ["read"]), ("", ["read"]), ("a b", ["read"]), ("x", []), ("x", ["all"])]
)
def test_a_token_that_cannot_be_made_is_refused(access: Access, name: str, scopes: list[str]) -> None:
    with pytest.raises(AccessError):
        access.create(name, scopes=scopes, now_s=0)


def test_tokens_survive_a_restart_and_revoked_ones_do_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "control.sqlite3")
    first = Access(store, folder=tmp_path)
    first.load(now_s=0)
    kept, gone = (first.create(name, scopes=["read"], now_s=0) for name in ("kept", "gone"))
    first.revoke("gone")
    second = Access(store, folder=tmp_path)
    second.load(now_s=1)
    assert check(second, kept) == "kept"
    with pytest.raises(UnauthorizedError):
        check(second, gone)


def test_the_secret_itself_is_not_in_the_store(access: Access, tmp_path: Path) -> None:
    secret = access.create("ci", scopes=["read"], now_s=0)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("control.sqlite3*"))
    assert secret.encode() not in stored
    assert (tmp_path / TOKEN_FILE).read_bytes().strip() not in stored


def test_a_token_file_that_others_can_read_is_refused(access: Access, tmp_path: Path) -> None:
    (tmp_path / TOKEN_FILE).chmod(0o644)
    with pytest.raises(StateError) as refusal:
        access.load(now_s=0)
    assert "chmod 600" in refusal.value.remedy


def test_a_token_file_put_there_by_hand_replaces_the_old_token(access: Access, tmp_path: Path) -> None:
    old = (tmp_path / TOKEN_FILE).read_text().strip()
    (tmp_path / TOKEN_FILE).write_text("x" * 40 + "\n")
    access.load(now_s=0)
    assert check(access, "x" * 40) == "admin"
    with pytest.raises(UnauthorizedError):
        check(access, old)
    (tmp_path / TOKEN_FILE).write_text("short\n")
    with pytest.raises(StateError, match="no usable token"):
        access.load(now_s=0)


def test_failures_are_refused_as_too_many_from_one_over_the_limit_on(access: Access) -> None:
    for _ in range(FAILURES_MAX):
        with pytest.raises(UnauthorizedError):
            check(access, "wrong")
    with pytest.raises(TooManyFailuresError):
        check(access, "wrong")
    with pytest.raises(UnauthorizedError):
        access.check("Bearer wrong", scope=Scope.READ, address="10.0.0.2", now_s=1)
    with pytest.raises(UnauthorizedError):
        check(access, "wrong", now_s=62)


@given(st.lists(st.floats(0, 100), max_size=40).map(sorted))
def test_the_limit_counts_as_a_slow_obvious_one_does(times: list[float]) -> None:
    limit = FailureLimit(failures_max=3, window_s=10)
    for index, now_s in enumerate(times):
        recent = [at for at in times[: index + 1] if at > now_s - 10]
        assert limit.note("a", now_s=now_s) == (len(recent) <= 3)


def ticket_of(access: Access, secret: str, *, now_s: float = 1.0) -> str:
    token = access.check(f"Bearer {secret}", scope=Scope.READ, address="10.0.0.1", now_s=now_s)
    return access.ticket(token, now_s=now_s)


def test_a_ticket_is_good_once(access: Access) -> None:
    ticket = ticket_of(access, access.create("looker", scopes=["read"], now_s=0))
    secret, token = access.sign_in(ticket, now_s=2)
    assert (token.name, set(token.scopes)) == ("looker", {"read"})
    assert check(access, secret) == "looker"
    with pytest.raises(ForbiddenError):
        check(access, secret, Scope.PURGE)
    for wrong in (ticket, "", "x", "\udcff"):
        with pytest.raises(UnauthorizedError, match="used already, or is too old"):
            access.sign_in(wrong, now_s=2)


def test_a_ticket_ages_and_so_does_its_session(access: Access) -> None:
    own = access.create("looker", scopes=["read"], now_s=0)
    secret, _ = access.sign_in(ticket_of(access, own, now_s=0), now_s=TICKET_LIFE_S - 1)
    with pytest.raises(UnauthorizedError):
        access.sign_in(ticket_of(access, own, now_s=0), now_s=TICKET_LIFE_S)
    end_s = TICKET_LIFE_S - 1 + SESSION_LIFE_S
    assert check(access, secret, now_s=end_s - 1) == "looker"
    with pytest.raises(UnauthorizedError):
        check(access, secret, now_s=end_s)


def test_a_session_ends_with_the_token_that_it_comes_from(access: Access) -> None:
    brief = access.create("brief", scopes=["read"], now_s=0, expires_in_s=60)
    secret, token = access.sign_in(ticket_of(access, brief), now_s=1)
    assert token.expires_at_s == 60
    again, _ = access.sign_in(ticket_of(access, secret), now_s=1)  # a session can ask for another
    late = ticket_of(access, brief)
    access.revoke("brief")
    for ended in (secret, again):
        with pytest.raises(UnauthorizedError):
            check(access, ended)
    with pytest.raises(UnauthorizedError):
        access.sign_in(late, now_s=2)


def test_tickets_and_sessions_are_bounded_and_the_oldest_goes(access: Access) -> None:
    own = access.create("looker", scopes=["read"], now_s=0)
    first = ticket_of(access, own)
    for _ in range(TICKETS_MAX - 1):
        ticket_of(access, own)
    oldest, _ = access.sign_in(first, now_s=1)
    for _ in range(SESSIONS_MAX - 1):
        access.sign_in(ticket_of(access, own), now_s=1)
    assert check(access, oldest) == "looker"
    access.sign_in(ticket_of(access, own), now_s=1)
    with pytest.raises(UnauthorizedError):
        check(access, oldest)
    lost = ticket_of(access, own)
    for _ in range(TICKETS_MAX):
        ticket_of(access, own)
    with pytest.raises(UnauthorizedError):
        access.sign_in(lost, now_s=1)
