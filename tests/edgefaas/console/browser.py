"""A headless Chromium for the tests of the page, and a POP whose functions say what viewers ask them to."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.edgefaas.processes.running import Up, end

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "there is no Chromium here: apt-get install chromium"
PATIENCE_MS = 60_000  # of a busy machine

SITE = """
[site]
name = "demo"
access_log = "all"
[origins.assets]
directory = "public"
[functions.hello]
source = "hello.js"
[[behaviors]]
path = "/hello*"
viewer_request = "hello"
[[behaviors]]
path = "*"
origin = "assets"
[pops.fra]
latitude = 50.1
longitude = 8.7
city = "Frankfurt"
[pops.syd]
latitude = -33.9
longitude = 151.2
city = "Sydney"
url = "http://127.0.0.1:9"
[router]
pop = "fra"
"""
FUNCTION = """
exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  if (request.querystring) console.log(decodeURIComponent(request.querystring));
  if (request.uri === "/hello/fail") throw new Error("as asked");
  return { status: "200", body: "VERSION" };
};
"""


def write_pop(folder: Path) -> Path:
    """Write the site; return its folder."""
    (folder / "public").mkdir(parents=True)
    (folder / "public" / "file.txt").write_text("a file")
    (folder / "hello.js").write_text(FUNCTION.replace("VERSION", "first"))
    (folder / "edgefaas.toml").write_text(SITE)
    return folder


@contextmanager
def running_pop(folder: Path, *, admin_port: int = 0) -> Iterator[Up]:
    """Run ``edgefaas up`` as its user would, with the sandbox."""
    up = "from cli.main import main; main()"
    command = [sys.executable, "-c", up, "up", "-c", str(folder / "edgefaas.toml"), "--workers", "1"]
    command += [
        "--listen",
        "127.0.0.1:0",
        "--admin",
        f"127.0.0.1:{admin_port}",
        "--data",
        str(folder / "data"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said, *urls = process.stdout.readline().split() or [""]
        if said != "ready":
            raise AssertionError(f"not ready: {process.communicate()[1]}")
        yield Up(process, folder, *urls)
    finally:
        end(process)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a Chromium that has no window."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One page in a context of its own, and whatever it complained about."""

    def __init__(self, browser: Browser, up: Up, *, dark: bool = False) -> None:
        self.up = up
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._context = browser.new_context(
            viewport={"width": 1280, "height": 800}, color_scheme="dark" if dark else "light"
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        # What the POP refuses, and that it is gone, Chromium says by itself.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self) -> Page:
        """Go to the page."""
        self.page.goto(f"{self.up.announced['admin']}/ui/")
        return self.page

    def sign_in(self, token: str | None = None) -> Page:
        """Go to the page and give a token."""
        self.open()
        self.page.get_by_label("Token").fill(self.up.token if token is None else token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("#pulse")).to_have_text("live")
        return self.page

    def close(self) -> None:
        """Close it; it must not have complained."""
        self._context.close()
        assert not self.complaints
