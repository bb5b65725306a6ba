# ruff: noqa: E501  # functions are shown as they are
"""What functions in Python ask of their host: HTTP by the standard library's own clients, and key-value pairs."""

import base64
import json
from typing import Any

from sandbox.contract import HostCallError
from tests.sandbox.python.stage import MARKS, answer, thrown
from tests.sandbox.stage import StageHost

pytestmark = MARKS


class Site:
    """Answers ``fetch``: tells what it was asked, redirects /old, refuses /refused."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def fetch(self, payload: bytes) -> bytes:
        asked = json.loads(payload)
        self.asked.append(asked)
        if asked["url"].endswith("/refused"):
            raise HostCallError("this function may not ask api.example.com")
        status, headers = (
            200,
            [
                ["Content-Type", "text/plain; charset=utf-8"],
                ["Content-Length", "7"],
                ["X-Two", "a"],
                ["X-Two", "b"],
            ],
        )
        if asked["url"].endswith("/old"):
            status, headers = 302, [["Location", "/new?x=1"]]
        if asked["url"].endswith("/404"):
            status = 404
        body = f"{asked['method']} {asked['url']} ".encode() + base64.b64decode(asked["body"] or "")
        return json.dumps(
            {"status": status, "headers": headers, "body": base64.b64encode(body).decode()}
        ).encode()

    def host(self) -> StageHost:
        return StageHost(operations={"fetch": self.fetch})


def test_urlopen_follows_redirects_and_tells_status_headers_and_body() -> None:
    site = Site()
    seen = answer(
        """
from urllib.request import Request, urlopen
def lambda_handler(event, context):
    with urlopen("https://api.example.com/old", timeout=3) as response:
        seen = [response.status, response.geturl(), response.headers.get_all("x-two"), response.read().decode()]
    request = Request("http://api.example.com:8080/put", data=b"abc\\0", headers={"X-A": "1"}, method="PUT")
    return [*seen, urlopen(request).read().decode()]
""",
        host=site.host(),
    )
    assert seen == [
        200,
        "https://api.example.com/new?x=1",
        ["a", "b"],
        "GET https://api.example.com/new?x=1 ",
        "PUT http://api.example.com:8080/put abc\0",
    ]
    assert ["X-A", "1"] in site.asked[-1]["headers"]
    assert {one["redirect"] for one in site.asked} == {"manual"}
    assert not any(name.lower() in ("host", "connection") for one in site.asked for name, _ in one["headers"])


def test_the_answer_to_head_tells_the_length_of_what_was_not_sent() -> None:
    def fetch(payload: bytes) -> bytes:
        assert json.loads(payload)["method"] == "HEAD"
        return json.dumps({"status": 200, "headers": [["Content-Length", "1234"]], "body": ""}).encode()

    python = """
from urllib.request import Request, urlopen
def lambda_handler(event, context):
    with urlopen(Request("https://api.example.com/", method="HEAD")) as response:
        return [response.headers["content-length"], response.read().decode()]
"""
    assert answer(python, host=StageHost(operations={"fetch": fetch})) == ["1234", ""]


def test_http_client_sends_bodies_of_every_kind_and_uses_a_connection_again() -> None:
    site = Site()
    python = """
import http.client, ssl
def lambda_handler(event, context):
    seen = []
    connection = http.client.HTTPSConnection("api.example.com", 8443, timeout=5, context=ssl.create_default_context())
    for body in (None, b"plain", iter([b"in ", b"chunks"])):
        connection.request("POST", "/", body=body)
        seen.append(connection.getresponse().read().decode())
    connection.putrequest("POST", "/byhand")
    connection.putheader("Content-Length", "3")
    connection.endheaders()
    connection.send(b"abc")
    seen.append(connection.getresponse().read().decode())
    connection.request("GET", "/404")
    seen.append(connection.getresponse().status)
    return seen
"""
    assert answer(python, host=site.host()) == [
        "POST https://api.example.com:8443/ ",
        "POST https://api.example.com:8443/ plain",
        "POST https://api.example.com:8443/ in chunks",
        "POST https://api.example.com:8443/byhand abc",
        404,
    ]


def test_errors_of_http_are_those_that_urllib_raises() -> None:
    python = """
import urllib.error, urllib.request
def lambda_handler(event, context):
    seen = []
    for path in ("404", "refused"):
        try:
            urllib.request.urlopen("https://api.example.com/" + path)
        except urllib.error.HTTPError as error:
            seen.append([error.code, error.read().decode()[:3]])
        except urllib.error.URLError as error:
            seen.append(str(error.reason))
    return seen
"""
    assert answer(python, host=Site().host()) == [[404, "GET"], "this function may not ask api.example.com"]
    assert (
        "fetch is not available"
        in thrown(python.replace("except urllib.error.URLError", "except KeyError")).message
    )


def test_a_handler_waits_for_http_and_others_are_answered_meanwhile() -> None:
    site = Site()
    python = "import urllib.request\ndef lambda_handler(e, c):\n    return [urllib.request.urlopen(f'https://a.example/{i}').status for i in range(3)]\n"
    assert answer(python, host=site.host()) == [200] * 3


PAIRS = {"a": "1", "ä": "zwei"}


def kv_host() -> tuple[StageHost, list[tuple[str, bytes]]]:
    asked: list[tuple[str, bytes]] = []

    def operation(name: str, reply: bytes | HostCallError) -> Any:
        def run(payload: bytes) -> bytes:
            asked.append((name, payload))
            if isinstance(reply, HostCallError):
                raise reply
            return reply

        return run

    def get(payload: bytes) -> bytes:
        key = payload.partition(b"\0")[2].decode()
        if key not in PAIRS:
            raise HostCallError(f"KeyNotFound: there is no {key}")
        return PAIRS[key].encode()

    replies = {
        "kv.exists": operation("kv.exists", b"1"),
        "kv.count": operation("kv.count", b"2"),
        "kv.entry": operation("kv.entry", b"k7\0a\0b"),
        "kv.list": operation("kv.list", b'{"keys": ["a"], "cursor": null}'),
        "kv.put": operation("kv.put", b"k8"),
        "kv.delete": operation("kv.delete", HostCallError("Conflict: it is another by now")),
        "kv.get": get,
    }
    return StageHost(operations=replies), asked


def test_key_value_pairs_are_read_and_written() -> None:
    host, asked = kv_host()
    python = """
import edgefaas
def lambda_handler(event, context):
    own, named = edgefaas.kv(), edgefaas.kv("named")
    seen = [own["a"], own.get("ä"), own.get("none"), own.get("none", "x"), "a" in own, len(own)]
    seen += [list(named.entry("a")), list(named.list("p", limit=5)), named.put("k", b"\\0v"), own.put("k", "v", if_absent=True)]
    try:
        own["none"]
    except KeyError as error:
        seen.append(str(error))
    try:
        own.delete("k", if_match="k7")
    except edgefaas.EdgeFaasError as error:
        seen.append([error.code, str(error)])
    return seen
"""
    assert answer(python, host=host) == [
        "1", "zwei", None, "x", True, 2, ["a\0b", "k7"], [["a"], None], "k8", "k8", "'none'",
        ["Conflict", "Conflict: it is another by now"],
    ]  # fmt: skip
    assert asked == [
        ("kv.exists", b"\0a"),
        ("kv.count", b""),
        ("kv.entry", b"named\0a"),
        ("kv.list", b"named\0p\0\x005"),
        ("kv.put", b"named\0k\0\0\0v"),
        ("kv.put", b"\0k\0absent\0v"),
        ("kv.delete", b"\0k\0k7"),
    ]


def test_a_key_with_a_nul_is_refused() -> None:
    host, asked = kv_host()
    python = "import edgefaas\ndef lambda_handler(event, context):\n    edgefaas.kv().put(event, '')\n"
    assert thrown(python, "a\0b", host=host).message == "ValueError: a key has no NUL in it"
    assert asked == []


def test_asyncio_runs_tasks_timers_and_queues_without_a_socket() -> None:
    python = """
import asyncio, time
async def late(value, seconds):
    await asyncio.sleep(seconds)
    return value
async def main():
    queue = asyncio.Queue()
    async def feed():
        for i in range(3):
            await asyncio.sleep(0)
            await queue.put(i)
    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        fed = [await queue.get() for _ in range(3)]
    try:
        await asyncio.wait_for(late(0, 60), 0.01)
    except TimeoutError:
        fed.append("timed out")
    return [*fed, *await asyncio.gather(late("b", 0.02), late("a", 0.01))]
def lambda_handler(event, context):
    begun = time.monotonic()
    return [asyncio.run(main()), asyncio.run(main()), time.monotonic() - begun < 30]
"""
    once = [0, 1, 2, "timed out", "b", "a"]
    assert answer(python) == [once, once, True]


def test_an_event_loop_that_waits_for_nothing_and_one_that_wants_a_socket_say_so() -> None:
    never = "import asyncio\nasync def main():\n    await asyncio.get_running_loop().create_future()\ndef lambda_handler(e, c):\n    asyncio.run(main())\n"
    assert thrown(never).message == "RuntimeError: the event loop waits for something that never comes"
    wants = never.replace("get_running_loop().create_future()", "open_connection('127.0.0.1', 80)")
    assert "Error" in thrown(wants).message
