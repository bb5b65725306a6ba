"""The page as the admin port serves it: without a token, and with rules for the browser."""

import re
from collections.abc import Iterator

import pytest

from edgefaas.console.serving import STATIC
from tests.edgefaas.processes.running import Answer, Up, ask, running_up, write_site

pytestmark = pytest.mark.slow

PAGE_BYTES_MAX = 300_000


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_up(write_site(tmp_path_factory.mktemp("pop")), workers=1) as running:
        yield running


def page(up: Up, path: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(up.announced["admin"], "GET", path, headers=sent)


def test_every_file_of_the_page_is_served_and_all_are_light(up: Up) -> None:
    size = 0
    for path in STATIC.iterdir():
        answer = page(up, "/ui/" if path.name == "index.html" else f"/ui/{path.name}")
        assert answer.status == 200
        assert answer.body == path.read_bytes()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        size += len(answer.body)
    assert size < PAGE_BYTES_MAX


def test_the_page_loads_and_runs_nothing_from_elsewhere(up: Up) -> None:
    policy = page(up, "/ui/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"\son\w+=|style=|javascript:|<script(?![^>]*src=)|<style", html)
    for path in STATIC.iterdir():
        elsewhere = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
        assert elsewhere <= {"http://www.w3.org/2000/svg"}, path.name
        for sink in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
        ):
            assert sink not in path.read_text(), path.name


def test_a_browser_is_led_to_the_page_and_a_program_is_not(up: Up) -> None:
    assert page(up, "/ui").headers["Location"] == "/ui/"
    led = page(up, "/", accept="text/html,application/xhtml+xml")
    assert (led.status, led.headers["Location"]) == (307, "/ui/")
    assert set(page(up, "/").json) == {"error", "remedy", "request_id"}


def test_a_file_that_the_browser_has_is_not_sent_again(up: Up) -> None:
    first = page(up, "/ui/main.js")
    again = page(up, "/ui/main.js", if_none_match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["/ui/nothing.js", "/ui/../control/api.py", "/ui/%2e%2e/serving.py", "/ui/index.html"]
)
def test_what_is_no_file_of_the_page_is_not_served(up: Up, path: str) -> None:
    assert page(up, path).status == 404


def test_whose_token_it_is_can_be_asked(up: Up) -> None:
    assert up.admin("GET", "/v1/whoami").json["scopes"] == ["admin"]
    made = up.admin("POST", "/v1/tokens", {"name": "looker", "scopes": ["read"]}).json["token"]
    said = up.admin("GET", "/v1/whoami", token=made)
    assert (said.json["name"], said.json["scopes"]) == ("looker", ["read"])
    assert made.encode() not in said.body
