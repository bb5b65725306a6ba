"""What edgefaas.toml may say, and how a wrong one is refused."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.config import load_site, parse_site
from edgefaas.config.behaviours import METHODS_READ, PATTERN_MAX
from edgefaas.config.names import is_web_address
from edgefaas.errors import ConfigError
from edgefaas.message import Headers, Request
from edgefaas.origin.client import request_head
from edgefaas.origin.connect import endpoint_of
from edgefaas.site import DirectoryOrigin, FunctionOrigin, Selection, Site, Steering, Trigger, UrlOrigin
from edgefaas.table import parse_toml

FOLDER = Path("/srv/site")

DESIGN = """
[site]
name = "demo"
hosts = ["*"]

[origins.app]
url = "http://127.0.0.1:18000"

[origins.assets]
directory = "public"

[functions.country]
source = "functions/country.js"
environment = { GREETING = "hello" }

[[behaviors]]
path = "/assets/*"
origin = "assets"

[[behaviors]]
path = "*"
origin = "app"
viewer_request = "country"
cache = { min_ttl = 0, default_ttl = 0, max_ttl = 31536000 }

[pops.fra]
latitude = 50.1
longitude = 8.7
url = "http://127.0.0.1:8081"
"""


def site(text: str) -> Site:
    return parse_site(text, folder=FOLDER)


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        site(text)
    return caught.value


def behaviour(lines: str) -> str:
    return f'[origins.app]\nurl = "http://127.0.0.1:1"\n[[behaviors]]\npath = "*"\norigin = "app"\n{lines}\n'


def test_the_example_of_the_contract_is_understood() -> None:
    found = site(DESIGN)
    assert found.name == "demo"
    assert found.origins["app"] == UrlOrigin(name="app", url="http://127.0.0.1:18000")
    assert found.origins["assets"] == DirectoryOrigin(name="assets", directory=FOLDER / "public")
    assert found.functions["country"].source == FOLDER / "functions/country.js"
    assert found.functions["country"].environment == {"GREETING": "hello"}
    assert [b.pattern for b in found.behaviours] == ["/assets/*", "*"]
    assert found.behaviours[1].triggers == {Trigger.VIEWER_REQUEST: "country"}
    assert found.pops["fra"].latitude == 50.1


def test_every_key_has_a_default() -> None:
    found = site(behaviour(""))
    policy = found.behaviours[0].cache
    assert found.hosts == ("*",)
    assert (policy.min_ttl_s, policy.default_ttl_s, policy.max_ttl_s, policy.error_ttl_s) == (
        0,
        0,
        31_536_000,
        0,
    )
    assert policy.query == Selection(mode="all")
    assert policy.cookies == Selection(mode="forward")
    assert policy.store_set_cookie
    assert found.behaviours[0].methods is None
    assert found.router.steering is Steering.ANSWER


def test_one_origin_without_behaviours_serves_every_path() -> None:
    found = site('[origins.app]\nurl = "http://127.0.0.1:1"')
    assert [(b.pattern, b.origin) for b in found.behaviours] == [("*", "app")]


def test_an_origin_is_optional_where_a_function_answers() -> None:
    text = '[functions.f]\nsource = "f.js"\n[[behaviors]]\npath = "*"\nviewer_request = "f"\n'
    assert site(text).behaviours[0].origin is None
    error = refusal(text.replace("viewer_request", "viewer_response"))
    assert "origin is missing" in str(error)


def test_a_function_may_be_an_origin() -> None:
    text = '[functions.f]\nsource = "f.js"\n[origins.o]\nfunction = "f"\n'
    assert site(text).origins["o"] == FunctionOrigin(name="o", function="f")


def test_selections_are_words_lists_or_all_but_a_list() -> None:
    lines = (
        'cache = { query = ["a", "b"], cookies = { except = ["session"] }, headers = ["Accept-Language"] }'
    )
    policy = site(behaviour(lines)).behaviours[0].cache
    assert policy.query == Selection(mode="only", names=frozenset({"a", "b"}))
    assert policy.cookies == Selection(mode="except", names=frozenset({"session"}))
    assert policy.headers == frozenset({"accept-language"})


def test_methods_read_are_get_head_and_options() -> None:
    assert site(behaviour('methods = "read"')).behaviours[0].methods == METHODS_READ


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (DESIGN.replace("max_ttl", "max_tttl"), 24, "did you mean max_ttl"),
        (DESIGN.replace("hosts =", "host ="), 4, "did you mean hosts"),
        (DESIGN.replace('origin = "app"', 'origin = "ap"'), 22, "[origins.ap]"),
        (DESIGN.replace('viewer_request = "country"', 'viewer_request = "land"'), 23, "[functions.land]"),
        (DESIGN.replace("latitude = 50.1", "latitude = 95"), 27, "-90 to 90"),
        (DESIGN.replace("http://127.0.0.1:18000", "ftp://x"), 7, "http"),
        (DESIGN.replace('directory = "public"', "directory = 7"), 10, "a string"),
        (DESIGN.replace("min_ttl = 0", "min_ttl = true"), 24, "a number"),
    ],
)
def test_a_refusal_names_the_line_and_what_to_do(text: str, line: int, says: str) -> None:
    error = refusal(text)
    assert f"line {line}:" in str(error)
    assert says in f"{error} {error.remedy}"


def test_a_minimum_over_the_maximum_is_refused_and_equal_is_not() -> None:
    assert site(behaviour("cache = { min_ttl = 9, max_ttl = 9 }"))
    assert "over max_ttl" in str(refusal(behaviour("cache = { min_ttl = 10, max_ttl = 9 }")))


def test_a_pattern_of_255_characters_is_the_longest() -> None:
    text = behaviour("")
    assert site(text.replace('"*"', f'"/{"a" * (PATTERN_MAX - 1)}"'))
    assert "256" in str(refusal(text.replace('"*"', f'"/{"a" * PATTERN_MAX}"')))


def test_a_file_that_is_not_there_or_not_toml_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_site(tmp_path / "none.toml")
    broken = tmp_path / "edgefaas.toml"
    broken.write_text("[site\n")
    with pytest.raises(ConfigError, match="line 1"):
        load_site(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_site(broken)


@given(latitude=st.floats(-1000, 1000), longitude=st.floats(-1000, 1000))
def test_coordinates_are_accepted_exactly_inside_their_ranges(latitude: float, longitude: float) -> None:
    text = f"[pops.x]\nlatitude = {latitude:.6f}\nlongitude = {longitude:.6f}\n"
    inside = abs(round(latitude, 6)) <= 90 and abs(round(longitude, 6)) <= 180
    if inside:
        assert site(text).pops["x"].latitude == pytest.approx(latitude, abs=1e-5)
    else:
        assert "outside" in str(refusal(text))


@given(st.text(max_size=60))
def test_garbage_is_refused_as_a_config_error_or_understood(text: str) -> None:
    with contextlib.suppress(ConfigError):
        site(text)


@given(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), st.integers(0, 9), min_size=1))
def test_the_line_of_a_key_is_where_it_is_set(values: dict[str, int]) -> None:
    text = "[top]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
    document = parse_toml("x", text).document
    for number, key in enumerate(values, 2):
        assert document.line_of(("top", *key.split("."))) == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[origins.a]\nurll = "http://127.0.0.1:1"\n', "did you mean url by urll?"),
        ('[[behaviours]]\npath = "*"\n', "line 1"),
        ('[[behaviors]]\npath = "*"\norigin = "a"\n', "Define [origins.a]."),
        (behaviour("cache = { min_ttl = -1 }"), "in 0 to 31536000000."),
    ],
)
def test_a_slip_is_named_in_plain_words(text: str, words: str) -> None:
    assert words in refusal(text).advice


def test_a_file_that_is_not_utf_8_is_named_with_the_octet(tmp_path: Path) -> None:
    (tmp_path / "edgefaas.toml").write_bytes(b"#\xff")
    with pytest.raises(ConfigError, match="is not UTF-8: byte 1 is 0xff"):
        load_site(tmp_path / "edgefaas.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[site]\nhosts = []\n", "names no host"),
        ('[site]\ndefault_root = "a?b"\n', "not a path"),
        ("[[error_pages]]\nstatus = 404\n[[error_pages]]\nstatus = 404\n", "second time"),
        ('[[error_pages]]\nstatus = 404\npath = "/a b"\n', "not a path"),
        ('[router]\nhealth_path = "health"\n', "not a path"),
        ('[pops.a]\nlatitude = 0\nlongitude = 0\nurl = "http://[::1"\n', "not an http or https address"),
        ('[pops.a]\nlatitude = 0\nlongitude = 0\nurl = "http://a:99999"\n', "not an http or https address"),
        ('[origins.a]\nurl = "http://:secret@b"\n', "not an http or https address"),
        ('[origins.a]\nurl = "http://a/b c"\n', "not an http or https address"),
        ('[origins.a]\nurl = "http://a"\nhost_header = "b\\r\\nX-Y: z"\n', "not a host"),
        ('[origins.a]\nurl = "http://a"\nheaders = { Transfer-Encoding = "chunked" }\n', "only the POP"),
    ],
)
def test_what_would_fail_at_every_request_is_refused_at_once(text: str, words: str) -> None:
    assert words in str(refusal(text))


@given(
    st.text(alphabet="htps:/ab.@[]:0159?#% é\x00", max_size=24).map(lambda rest: f"http://{rest}")
    | st.text(max_size=12)
)
def test_a_url_that_is_accepted_can_be_asked(url: str) -> None:
    origin = UrlOrigin(name="a", url=url.rstrip("/"))
    if is_web_address(url):
        prefix = endpoint_of(origin.url).prefix
        assert request_head(Request(method="GET", path="/"), Headers(), prefix=prefix, name="a")
