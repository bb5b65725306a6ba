"""What the demo counts and shows: pure parts."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.demo import screen
from cli.demo.origin import octets_of, page_of
from cli.demo.stage import PLACES, SITE_FOLDER, Ports, Stage, choose_port, configuration, router_site
from cli.demo.tally import Kind, Tally, kind_of, quantile
from cli.demo.traffic import BadAnswerError, plan, read_head
from cli.demo.viewers import COUNTRIES, PER_COUNTRY, Viewer, find_viewers
from edgefaas.config import parse_site
from router import GeoDatabase

PORTS = Ports(
    origin=18_001,
    router=8_080,
    pops={"iad": 8_081, "fra": 8_082, "sin": 8_083},
    admin={"router": 9_000, "iad": 9_001, "fra": 9_002, "sin": 9_003},
)


def viewer(country: str = "DE", latitude: float = 52.5, longitude: float = 13.4) -> Viewer:
    return Viewer(address="192.0.2.1", country=country, latitude=latitude, longitude=longitude)


@pytest.fixture(scope="module")
def viewers() -> list[Viewer]:
    database = GeoDatabase.open()
    try:
        return find_viewers(database)
    finally:
        database.close()


@pytest.mark.parametrize(
    ("status", "x_cache", "cache_status", "kind"),
    [
        (200, "Hit from edgefaas", "edgefaas; hit; ttl=9", Kind.HIT),
        (200, "RefreshHit from edgefaas", "edgefaas; fwd=stale", Kind.HIT),
        (200, "LambdaGeneratedResponse from edgefaas", "", Kind.FUNCTION),
        (302, "FunctionGeneratedResponse from edgefaas", "", Kind.FUNCTION),
        (200, "Miss from edgefaas", "edgefaas; fwd=uri-miss; stored", Kind.MISS),
        (200, "Miss from edgefaas", "edgefaas; fwd=uri-miss;stored; ttl=3", Kind.MISS),
        (200, "Miss from edgefaas", "edgefaas; fwd=uri-miss", Kind.PASSED),
        (502, "Error from edgefaas", "", Kind.ERROR),
        (404, "Hit from edgefaas", "edgefaas; hit", Kind.ERROR),
        (200, "", "", Kind.ERROR),
    ],
)
def test_the_kind_of_an_answer_is_read_off_its_fields(
    status: int, x_cache: str, cache_status: str, kind: Kind
) -> None:
    assert kind_of(status, {"x-cache": x_cache, "cache-status": cache_status}) is kind


@given(st.lists(st.floats(min_value=0, max_value=1e4), min_size=1), st.floats(min_value=0, max_value=1))
def test_so_many_values_lie_at_or_below_a_quantile(values: list[float], share: float) -> None:
    found = quantile(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert found in values


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(COUNTRIES)), st.sampled_from(list(Kind)), st.sampled_from([*PLACES, ""])
        )
    )
)
def test_every_answer_is_counted_once_in_every_view(answers: list[tuple[str, Kind, str]]) -> None:
    tally = Tally(places=PLACES)
    for country, kind, pop in answers:
        tally.add(viewer(country), kind, pop, 1.0)
    assert tally.total == len(answers)
    assert sum(line.requests for line in tally.countries()) == len(answers)
    assert sum(line.count for line in tally.kinds()) == len(answers)
    assert sum(counts.total() for counts in tally.by_pop.values()) == len(answers)


def test_a_viewer_served_elsewhere_than_by_the_nearest_pop_is_not_counted_as_nearest() -> None:
    tally = Tally(places=PLACES)
    tally.add(viewer(), Kind.HIT, "fra", 1.0)
    tally.add(viewer(), Kind.HIT, "sin", 1.0)
    (line,) = tally.countries()
    assert (line.requests, line.nearest) == (2, 1)


def test_the_embedded_database_has_viewers_of_every_country(viewers: list[Viewer]) -> None:
    assert len(viewers) == len(COUNTRIES) * PER_COUNTRY
    assert {found.country for found in viewers} == set(COUNTRIES)
    assert len({found.address for found in viewers}) == len(viewers)


def test_a_database_that_knows_nothing_has_no_viewers() -> None:
    assert find_viewers(GeoDatabase.empty()) == []


@given(st.integers(1, 600))
def test_every_viewer_asks_about_as_often(count: int) -> None:
    crowd = [viewer(country) for country in list(COUNTRIES)[:7]]
    asks = plan(crowd, count)
    assert len(asks) == count
    asked = [sum(ask.viewer.country == who.country for ask in asks) for who in crowd]
    assert max(asked) - min(asked) <= 1


@pytest.mark.parametrize("here", ["", *PLACES])
def test_every_process_gets_a_configuration_that_is_accepted(here: str) -> None:
    text = (SITE_FOLDER / "edgefaas.toml").read_text()
    whole = configuration(text if here else router_site(text), here=here, ports=PORTS, secret="ab" * 32)
    site = parse_site(whole, folder=SITE_FOLDER)
    assert set(site.pops) == set(PLACES)
    assert site.router.pop == here
    assert bool(site.behaviours) == bool(here)
    for function in site.functions.values():
        assert function.source.is_file()
    for pop in site.pops.values():
        assert pop.url.endswith(str(PORTS.pops[pop.name]))


def test_a_port_that_somebody_has_is_replaced_by_a_free_one() -> None:
    taken: set[int] = set()
    first = choose_port(0, taken)
    second = choose_port(first, taken)
    assert first != second
    assert taken == {first, second}


@pytest.mark.parametrize("head", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_not_http_is_a_bad_answer(head: bytes) -> None:
    with pytest.raises(BadAnswerError):
        read_head(head)


def test_fields_are_read_by_lower_case_name() -> None:
    assert read_head(b"HTTP/1.1 200 OK\r\nX-Edge-Pop: fra\r\nEmpty:\r\n\r\n") == (
        200,
        {"x-edge-pop": "fra", "empty": ""},
    )


@pytest.mark.parametrize(
    ("target", "status", "cache"),
    [
        ("/", 200, "max-age=30, stale-while-revalidate=60"),
        ("/articles/3?utm_source=mail", 200, "max-age=300"),
        ("/api/stock", 200, "private, no-store"),
        ("/articles/x", 404, "max-age=5"),
        ("/nowhere", 404, "max-age=5"),
    ],
)
def test_the_origin_says_what_may_be_cached(target: str, status: int, cache: str) -> None:
    page = page_of(target, {})
    assert (page.status, page.cache) == (status, cache)
    whole = octets_of(page, "GET")
    assert whole.endswith(page.body)
    assert octets_of(page, "HEAD") == whole[: len(whole) - len(page.body)]


def test_the_report_names_every_pop_kind_and_credit(viewers: list[Viewer]) -> None:
    tally = Tally(places=PLACES)
    for who, pop in zip(viewers, ["fra", "iad", "sin"] * len(viewers), strict=False):
        tally.add(who, Kind.HIT, pop, 0.4)
        tally.add(who, Kind.FUNCTION, pop, 1.2)
    text = click.unstyle("\n".join(screen.report(tally, 1.0, "IP Geolocation by somebody")))
    for place in PLACES.values():
        assert place.city in text
    for country in COUNTRIES.values():
        assert country in text
    assert "0.40 ms" in text
    assert "IP Geolocation by somebody" in text
    assert max(map(len, text.splitlines())) <= 110


def test_every_line_to_try_is_a_command_for_a_listening_port(viewers: list[Viewer], tmp_path: object) -> None:
    stage = Stage(folder=SITE_FOLDER, ports=PORTS)
    commands = [click.unstyle(line) for line in screen.curl_lines(stage, viewers) if "curl" in line]
    assert len(commands) == 5
    assert all(" http://127.0.0.1:80" in command for command in commands)


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_the_bar_has_one_width_however_far_it_is(done: int, total: int) -> None:
    text = click.unstyle(screen.bar(min(done, total), total, ""))
    assert text.count("━") + text.count("╌") == screen.BAR_WIDTH


@given(words=st.lists(st.text("abc", min_size=1, max_size=12), max_size=40), columns=st.integers(16, 200))
def test_a_line_fits_into_a_narrow_terminal_and_keeps_its_words(words: list[str], columns: int) -> None:
    line = "  " + click.style(" ".join(words), bold=True)
    shown = screen.fitted([line], columns)
    assert all(len(click.unstyle(part)) <= columns for part in shown)
    assert click.unstyle(" ".join(shown)).split() == words
    assert len(click.unstyle(screen.cut(line, columns))) < columns or len(click.unstyle(line)) < columns


def test_a_line_that_fits_keeps_its_colours() -> None:
    line = click.style("x" * 60, fg="red")
    assert screen.fitted([line], 60) == [line]
    assert screen.cut(line, 61) == line
    assert screen.cut(line, 60) == "x" * 59
