import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import Hit, Purge, PurgeLog, StoredResponse, matches, problem_with
from edgefaas.cache import purge as purge_module
from tests.edgefaas.cache.builders import request, stored


def entry(
    path: str = "/img/a.png", query: str = "", host: str = "site.example", tags: str = ""
) -> StoredResponse:
    asked = request(path=path, query=query, host=host)
    return stored(("Cache-Control", "max-age=60"), ("Cache-Tag", tags), asked=asked)


@pytest.mark.parametrize(
    ("kind", "value", "hit"),
    [
        ("everything", "", True),
        ("url", "/img/a.png", True),
        ("url", "http://site.example/img/a.png", True),
        ("url", "http://SITE.example:80/img/a.png", True),
        ("url", "//site.example/img/a.png", True),
        ("url", "https://site.example/img/a.png", False),
        ("url", "/img/a", False),
        ("prefix", "/img/", True),
        ("prefix", "/image", False),
        ("prefix", "http://site.example/", True),
        ("wildcard", "/img/*", True),
        ("wildcard", "/*/a.*", True),
        ("wildcard", "*.png", True),
        ("wildcard", "/img/a.png", True),
        ("wildcard", "/img/*.jpg", False),
        ("wildcard", "/img/a.png*a.png", False),
        ("host", "site.example", True),
        ("host", "Site.Example.", True),
        ("host", "example", False),
        ("tag", "red", True),
        ("tag", "re", False),
    ],
)
def test_a_purge_hits_what_it_names(kind: str, value: str, hit: bool) -> None:
    target = entry(tags="red, blue")
    purge = Purge(kind=kind, value=value)
    assert matches(purge, target) is hit
    log = PurgeLog()
    log.record(purge)
    assert log.hit(target, 0) is (Hit.HARD if hit else Hit.NONE)


def test_a_url_names_its_query_and_a_host_any_port() -> None:
    assert not matches(Purge(kind="url", value="/img/a.png"), entry(query="w=1"))
    assert matches(Purge(kind="url", value="/img/a.png?w=1"), entry(query="w=1"))
    assert matches(Purge(kind="host", value="site.example"), entry(host="site.example:8080"))
    assert not matches(Purge(kind="host", value="site.example:81"), entry(host="site.example:8080"))


def test_only_purges_after_the_token_count() -> None:
    log = PurgeLog()
    token = log.record(Purge(kind="tag", value="red"))
    target = entry(tags="red")
    assert log.hit(target, token - 1) is Hit.HARD
    assert log.hit(target, token) is Hit.NONE


def test_a_hard_purge_outweighs_a_soft_one_whichever_came_last() -> None:
    for order in ([True, False], [False, True]):
        log = PurgeLog()
        for soft in order:
            log.record(Purge(kind="host", value="site.example", soft=soft))
        assert log.hit(entry(), 0) is Hit.HARD
        assert log.hit(entry(), 1) is (Hit.HARD if order == [True, False] else Hit.SOFT)


@pytest.mark.parametrize(
    ("kind", "value", "fine"),
    [
        ("url", "/a", True),
        ("url", "http://h/a", True),
        ("url", "a", False),
        ("url", "", False),
        ("wildcard", "*.png", True),
        ("prefix", "*.png", False),
        ("tag", "x", True),
        ("tag", "", False),
        ("everything", "", True),
        ("page", "/a", False),
    ],
)
def test_a_purge_that_cannot_be_carried_out_is_explained(kind: str, value: str, fine: bool) -> None:
    assert (problem_with(Purge(kind=kind, value=value)) is None) is fine


def test_forgotten_urls_refuse_older_fetches_but_spare_what_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(purge_module, "URLS_REMEMBERED", 2)
    log = PurgeLog()
    for number in range(3):
        log.record(Purge(kind="url", value=f"/{number}"))
    assert log.hit(entry("/other"), 0) is Hit.NONE
    assert log.since_fetch(entry("/other"), 0) is Hit.HARD
    assert log.since_fetch(entry("/other"), 1) is Hit.NONE


def test_forgotten_patterns_count_as_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge_module, "PATTERNS_REMEMBERED", 2)
    log = PurgeLog()
    for number in range(3):
        log.record(Purge(kind="prefix", value=f"/{number}"))
    assert log.hit(entry("/other"), 0) is Hit.HARD
    assert log.hit(entry("/other"), 1) is Hit.NONE


paths = st.text("ab/.", max_size=6).map(lambda text: "/" + text)
purges = st.builds(
    Purge,
    kind=st.sampled_from(["url", "prefix", "wildcard", "host", "tag", "everything"]),
    value=st.one_of(paths, st.text("ab*/", min_size=1, max_size=6).map(lambda text: "/" + text)),
    soft=st.booleans(),
)


@given(st.lists(purges, max_size=8), paths, st.integers(0, 8))
def test_the_log_agrees_with_matching_every_purge_by_itself(
    recorded: list[Purge], path: str, token: int
) -> None:
    log = PurgeLog()
    for purge in recorded:
        log.record(purge)
    target = entry(path)
    later = [purge for purge in recorded[token:] if matches(purge, target)]
    expected = max((Hit.SOFT if purge.soft else Hit.HARD for purge in later), default=Hit.NONE)
    assert log.hit(target, token) is expected


def slow_glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slow_glob(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and slow_glob(pattern[1:], text[1:])


@given(st.text("ab*", max_size=7), st.text("ab", max_size=8))
def test_wildcards_agree_with_the_obvious_matcher(pattern: str, text: str) -> None:
    target = entry("/" + text)
    assert matches(Purge(kind="wildcard", value="/" + pattern), target) is slow_glob(
        "/" + pattern, "/" + text
    )
