"""The page at /ui in a real browser, against a real POP."""

import re
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, expect

from edgefaas.control.bundle_json import to_json
from tests.edgefaas.console.browser import (
    CHROMIUM,
    FUNCTION,
    NO_CHROMIUM,
    Tab,
    running_browser,
    running_pop,
    write_pop,
)
from tests.edgefaas.control.making import bundle
from tests.edgefaas.processes.running import Up, ask, running_up, write_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]

PAGE_BYTES_MAX = 300_000
HOSTILE = [
    "<img src=x onerror='window.hacked=1'>",
    "<script>window.hacked=1</script>",
    "</li></ol><iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "<svg/onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "\u202eltr \u2066isolate\u2069 \u200bzero\ufeff",
    "\x1b[31mred\x1b[0m\x07",
]

SINKS = [
    "document.body.innerHTML = '<b>'",
    "document.body.insertAdjacentHTML('beforeend', '<b>')",
    "document.write('<b>')",
    "document.createElement('script').text = '1'",
    "new DOMParser().parseFromString('<b>', 'text/html')",
]
NewTab = Callable[..., Tab]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running_pop(write_pop(tmp_path_factory.mktemp("pop") / "site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture
def new_tab(browser: Browser, up: Up) -> Iterator[NewTab]:
    tabs: list[Tab] = []

    def opened(pop: Up = up, *, dark: bool = False) -> Tab:
        tabs.append(Tab(browser, pop, dark=dark))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.close()


@pytest.fixture
def tab(new_tab: NewTab) -> Tab:
    return new_tab()


def deploy(up: Up, text: str, **terms: object) -> str:
    """Deploy ``hello``, on these terms; return its version."""
    (up.folder / "hello.js").write_text(FUNCTION.replace("VERSION", text))
    content = {"index.js": b64encode((up.folder / "hello.js").read_bytes()).decode()}
    function = {"name": "hello", "kind": "js", "entry": "index.js", "files": content}
    answer = up.admin("POST", "/v1/functions", {"functions": [function], **terms})
    assert answer.status == 200, answer.body
    version: str = answer.json["deployed"][0]["version"]
    return version


def said(up: Up) -> str:
    return ask(up.url, "GET", "/hello").body.decode()


# -- the token ---------------------------------------------------------------------------------------------


def test_a_wrong_token_is_refused_in_the_pop_s_own_words(tab: Tab) -> None:
    page = tab.open()
    page.get_by_label("Token").fill("wrong")
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The admin token is not valid")
    expect(page.locator("#board")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_token_is_kept_for_the_tab_alone_and_until_signing_out(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert up.token not in page.url
    assert up.token not in page.content()
    page.reload()
    expect(page.locator("#pulse")).to_have_text("live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to this POP")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_label("Token")).to_be_focused()


def test_a_link_signs_in_once_and_leaves_nothing_in_the_address(tab: Tab, up: Up) -> None:
    ticket = up.admin("POST", "/v1/tickets").json["ticket"]
    link = f"{up.announced['admin']}/ui/#ticket={ticket}"
    tab.page.goto(link)
    expect(tab.page.locator("#pulse")).to_have_text("live")
    assert tab.page.url == f"{up.announced['admin']}/ui/"
    assert not [url for url in tab.asked if ticket in url.partition("#")[0]]
    assert up.token not in tab.page.evaluate("JSON.stringify(sessionStorage)")
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.goto("about:blank")
    tab.page.goto(link)
    expect(tab.page.get_by_role("alert")).to_contain_text("This link was used already")


def test_a_token_that_is_revoked_meanwhile_leads_back_to_the_beginning(tab: Tab, up: Up) -> None:
    made = up.admin("POST", "/v1/tokens", {"name": "brief", "scopes": ["read"]}).json["token"]
    page = tab.sign_in(made)
    up.admin("DELETE", "/v1/tokens/brief")
    expect(page.get_by_role("alert")).to_contain_text("The admin token is not valid")


def test_who_may_only_look_finds_the_buttons_off(tab: Tab, up: Up) -> None:
    made = up.admin("POST", "/v1/tokens", {"name": "guest", "scopes": ["read"]}).json["token"]
    page = tab.sign_in(made)
    expect(page.get_by_role("button", name="Purge", exact=True)).to_be_disabled()
    expect(page.locator("#purge-outcome")).to_have_text("This token may not purge.")
    expect(page.get_by_role("button", name="Roll hello back")).to_be_disabled()
    expect(page.get_by_role("button", name="Versions of hello")).to_be_enabled()


# -- what is shown -----------------------------------------------------------------------------------------


def test_requests_show_in_the_figures_the_curve_and_the_functions(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    for _ in range(20):
        said(up)
    expect(page.locator("#functions [data-key=hello]")).to_contain_text(re.compile(r"0 of [1-9]"))
    rate = page.locator(".tile", has_text="Requests per second").locator(".tile-value")
    expect(rate).not_to_have_text(re.compile(r"^\D?$|^0$"))
    expect(page.get_by_role("img", name="Requests per second in the last five minutes")).to_be_visible()
    assert page.locator(".curve-line").first.get_attribute("d")


def test_an_error_of_a_function_is_counted_and_stands_in_the_log(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    assert ask(up.url, "GET", "/hello/fail").status == 503
    expect(page.locator("#lines .error").first).to_contain_text("hello")
    expect(page.locator("#functions [data-key=hello]")).to_contain_text(re.compile(r"[1-9]\d* of \d"))


def test_pops_stand_on_the_map_where_they_are_and_in_the_table_with_how_they_are(tab: Tab) -> None:
    page = tab.sign_in()
    rows = page.get_by_role("table", name="points of presence").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("this POP")
    expect(rows.nth(1)).to_contain_text("down")
    box, fra, syd = (
        page.locator(part).bounding_box() for part in ("#map", ".mark >> nth=0", ".mark >> nth=1")
    )
    assert box
    assert fra
    assert syd
    assert (fra["x"] - box["x"]) / box["width"] == pytest.approx((8.7 + 180) / 360, abs=0.01)
    assert fra["y"] < box["y"] + box["height"] / 2 < syd["y"]


def test_whatever_is_logged_is_shown_and_nothing_of_it_runs(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    for text in HOSTILE:
        assert ask(up.url, "GET", f"/hello?{quote(text, safe='')}").status == 200
        ask(up.url, "GET", f"/{quote(text, safe='<>=/')}")
    lines = page.locator("#lines")
    expect(lines).to_contain_text("\\u001b[31mred")
    for text in HOSTILE[:6]:
        expect(lines).to_contain_text(text)
    expect(lines).to_contain_text("\\u202eltr \\u2066isolate\\u2069 \\u200bzero\\ufeff")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#lines").locator("img, script, iframe, svg, a").count() == 0
    assert set(page.locator("#lines *").evaluate_all("all => all.map(one => one.tagName)")) <= {
        "LI",
        "TIME",
        "SPAN",
        "B",
    }


def test_markup_cannot_be_made_of_text_by_anybody(tab: Tab) -> None:
    page = tab.sign_in()
    for sink in SINKS:
        with pytest.raises(Error, match="Trusted"):
            page.evaluate(f"() => {{ {sink} }}")
    tab.complaints.clear()  # Chromium reports what was tried here


def test_the_log_is_filtered_by_function_level_and_request(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    ask(up.url, "GET", "/hello/fail?needle")
    ask(up.url, "GET", "/file.txt")
    lines = page.locator("#lines li")
    expect(page.locator("#lines")).to_contain_text("/file.txt")
    page.get_by_label("Level").select_option("error")
    expect(page.locator("#lines")).not_to_contain_text("/file.txt")
    expect(lines.first).to_be_visible()
    page.get_by_label("Level").select_option("")
    page.locator("#logs-function").select_option("hello")
    expect(lines.filter(has_text="needle").last).to_be_visible()
    expect(page.locator("#lines")).not_to_contain_text("/file.txt")
    page.locator("#logs-function").select_option("")
    request = lines.filter(has_text="needle").first.locator(".request")
    asked = request.text_content()
    request.click()
    expect(page.get_by_label("Text, or request id")).to_have_value(str(asked))
    expect(lines.filter(has_not_text=str(asked))).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")


# -- what is changed ---------------------------------------------------------------------------------------


def test_a_function_is_rolled_back_and_any_version_made_live(tab: Tab, up: Up) -> None:
    deploy(up, "first")
    second = deploy(up, "second")
    page = tab.sign_in()
    row = page.locator("#functions [data-key=hello]")
    expect(row).to_contain_text(second[:12])
    page.get_by_role("button", name="Roll hello back").click()
    dialog = page.get_by_role("dialog", name="Roll hello back?")
    dialog.get_by_role("button", name="Leave it").click()
    assert said(up) == "second"
    page.get_by_role("button", name="Roll hello back").click()
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.locator("#functions-said")).to_contain_text("again.")
    assert said(up) == "first"

    button = page.get_by_role("button", name="Versions of hello")
    button.click()
    versions = page.get_by_role("dialog", name="Versions of hello")
    versions.locator("tr", has_text=second[:12]).get_by_role("button").click()
    expect(versions.get_by_role("status")).to_contain_text("again.")
    assert said(up) == "second"
    page.keyboard.press("Escape")
    expect(versions).to_be_hidden()
    expect(button).to_be_focused()


def test_a_canary_stands_beside_what_is_live_and_is_promoted_or_ended(tab: Tab, up: Up) -> None:
    deploy(up, "steady")
    canary = deploy(up, "bold", canary={"percent": 25})
    page = tab.sign_in()
    row = page.locator("#functions tbody tr", has_text="hello, canary")
    expect(row).to_contain_text(canary[:12])
    expect(row).to_contain_text("for 25 % of the viewers")
    expect(page.get_by_role("button", name="Roll hello back")).to_be_disabled()
    page.get_by_role("button", name="End the canary of hello").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(row).to_have_count(0)
    assert said(up) == "steady"
    deploy(up, "bold", canary={"percent": 25})
    page.get_by_role("button", name="Promote the canary of hello").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote").click()
    expect(row).to_have_count(0)
    assert said(up) == "bold"


def test_who_was_slower_is_told_and_changes_nothing(tab: Tab, up: Up) -> None:
    deploy(up, "one")
    deploy(up, "two")
    page = tab.sign_in()
    page.get_by_role("button", name="Roll hello back").click()
    deploy(up, "three")  # somebody else, meanwhile
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#functions-said")).to_contain_text("somebody")
    assert said(up) == "three"


def test_a_purge_says_what_it_dropped_and_everything_is_asked_for_first(tab: Tab, up: Up) -> None:
    page = tab.sign_in()
    while ask(up.url, "GET", "/file.txt").headers["X-Cache"] != "Hit from edgefaas":
        pass
    page.get_by_label("Path, or whole URL").fill("/file.txt")
    page.get_by_role("button", name="Purge", exact=True).click()
    expect(page.locator("#purge-outcome")).to_have_text("Done: 1 stored response dropped.")
    expect(page.locator("#purges li").first).to_contain_text("url /file.txt")
    page.get_by_label("What").select_option("everything")
    page.get_by_role("button", name="Purge", exact=True).click()
    page.get_by_role("dialog", name="Purge everything?").get_by_role(
        "button", name="Purge everything"
    ).click()
    expect(page.locator("#purges li").first).to_contain_text("everything")
    page.get_by_label("What").select_option("url")
    page.get_by_label("Path, or whole URL").fill("no slash")
    page.get_by_role("button", name="Purge", exact=True).click()
    expect(page.locator("#purge-outcome")).to_contain_text('starts neither with "/"')


# -- for everybody, everywhere -----------------------------------------------------------------------------


def look_over(page: Page) -> None:
    """Check by axe-core. It brings markup of its own, so it is let past the page's policy by the DevTools."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_to_complain_about(new_tab: NewTab, up: Up, dark: bool) -> None:
    tab = new_tab(dark=dark)
    page = tab.open()
    look_over(page)
    tab.sign_in()
    said(up)
    ask(up.url, "GET", "/hello/fail")
    expect(page.locator("#lines li.error").first).to_be_visible()
    expect(page.locator("#pops")).to_contain_text("down")
    look_over(page)
    page.get_by_role("button", name="Versions of hello").click()
    expect(page.locator("#versions-rows tr").first).to_be_visible()
    look_over(page)


def test_no_screen_is_too_narrow(tab: Tab) -> None:
    """320 is what WCAG 2.2, 1.4.10 asks for."""
    page = tab.sign_in()
    expect(page.locator("#pops tbody tr")).to_have_count(2)
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for button in page.locator("main button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["height"] >= 24  # WCAG 2.2, 2.5.8
            assert box["x"] + box["width"] <= width


def test_the_page_is_used_by_keyboard_alone(tab: Tab, up: Up) -> None:
    deploy(up, "by keyboard")
    page = tab.open()
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.insert_text(up.token)
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Versions of hello")
    expect(button).to_be_visible()
    page.locator("body").press("Tab")
    for _ in range(10):
        if button.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Versions of hello")).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_the_page_is_light_and_asks_nobody_but_its_pop(tab: Tab, up: Up) -> None:
    sizes: list[int] = []
    tab.page.on("response", lambda answer: sizes.append(len(answer.body())) if "/ui/" in answer.url else None)
    page = tab.sign_in()
    expect(page.locator("#pops tbody tr")).to_have_count(2)
    own = urlsplit(up.announced["admin"]).netloc
    assert {urlsplit(url).netloc for url in tab.asked} == {own}
    assert 10_000 < sum(sizes) < PAGE_BYTES_MAX


def test_the_page_lives_through_a_restart_of_the_pop(new_tab: NewTab, tmp_path: Path) -> None:
    folder = write_pop(tmp_path / "site")
    with running_pop(folder) as up:
        page = new_tab(up).sign_in()
        port = urlsplit(up.announced["admin"]).port
        assert port
        up.process.send_signal(signal.SIGKILL)
        up.process.wait()
        expect(page.locator("#pulse")).to_have_attribute("data-state", "lost")
        expect(page.locator("#pulse")).to_contain_text("Asking again")
    with running_pop(folder, admin_port=port):
        expect(page.locator("#pulse")).to_have_text("live")
        expect(page.locator("#functions tbody tr")).to_contain_text("hello")


def test_among_many_functions_one_is_found(new_tab: NewTab, tmp_path: Path) -> None:
    """Sixty at most are shown: the busiest, or those that are looked for. Of a POP that builds nothing."""
    with running_up(write_site(tmp_path / "many"), workers=1) as up:
        functions = [to_json(bundle(f"f{number}", f"text {number}")) for number in range(60)]
        assert up.admin("POST", "/v1/functions", {"functions": functions}).status == 200
        page = new_tab(up).sign_in()
        rows = page.locator("#functions tbody tr")
        expect(page.locator("#functions-note")).to_contain_text("61 live, 60 shown")
        expect(rows).to_have_count(60)
        page.get_by_label("Find a function").fill("F59")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("f59")
