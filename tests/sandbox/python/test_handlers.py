# ruff: noqa: E501  # functions are shown as they are
"""What handlers in Python see, return and log."""

import json
import time
from typing import Any

import pytest

from sandbox.contract import Finished
from tests.sandbox.python.stage import MARKS, answer, answers, make, outcomes, thrown, value
from tests.sandbox.stage import StageHost

pytestmark = MARKS

REQUEST: dict[str, Any] = {
    "Records": [
        {
            "cf": {
                "config": {"eventType": "viewer-request", "requestId": "abc-123"},
                "request": {
                    "method": "GET",
                    "uri": "/a",
                    "querystring": "x=1",
                    "headers": {},
                    "clientIp": "::1",
                },
            }
        }
    ]
}


def test_a_handler_changes_the_request_it_was_given() -> None:
    changed = answer(
        """
def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    request["headers"]["x-added"] = [{"key": "X-Added", "value": "yes"}]
    return request
""",
        REQUEST,
    )
    assert changed["headers"] == {"x-added": [{"key": "X-Added", "value": "yes"}]}
    assert changed["uri"] == "/a"


def test_a_handler_may_have_any_name_and_aws_notation() -> None:
    python = "def other(event, context):\n    return 7\n"
    for handler in ("other", "index.other"):
        (ended,) = outcomes(make(python, handler=handler), [None])
        assert isinstance(ended, Finished)
        assert ended.output == b"7"


def test_the_context_is_that_of_lambda() -> None:
    seen = value(
        "[context.aws_request_id, context.function_name, context.function_version, context.memory_limit_in_mb,"
        " context.invoked_function_arn, context.log_group_name, context.log_stream_name,"
        " 0 < context.get_remaining_time_in_millis() <= 60000]",
        event=REQUEST,
        host=StageHost(environment={"AWS_LAMBDA_FUNCTION_NAME": "mine"}),
    )
    arn = "arn:aws:lambda:us-east-1:000000000000:function:mine"
    assert seen == ["abc-123", "mine", "$LATEST", "128", arn, "/aws/lambda/us-east-1.mine", "abc-123", True]


def test_what_is_printed_and_logged_reaches_the_log_with_its_level() -> None:
    host = StageHost()
    answer(
        """
import logging, os, sys
logger = logging.getLogger("mine")
logger.setLevel(logging.DEBUG)
def lambda_handler(event, context):
    print("one", 2)
    print("no end", end="")
    sys.stderr.write("to stderr\\n")
    os.write(1, b" of line\\n")
    sys.stdout.buffer.write(b"octets\\n")
    logger.debug("d %s", 1)
    logger.info("i")
    logger.warning("w")
    logger.error("e")
    logging.info("the root is silent below warning")
    logging.warning("root")
""",
        host=host,
    )
    assert host.lines == [
        ("info", "one 2"),
        ("error", "to stderr"),
        ("info", "no end of line"),
        ("info", "octets"),
        ("debug", "d 1"),
        ("info", "i"),
        ("warn", "w"),
        ("error", "e"),
        ("warn", "root"),
    ]


def test_a_line_without_an_end_is_logged_when_the_handler_is_done() -> None:
    host = StageHost()
    answers("def lambda_handler(event, context):\n    print('x', end='')\n", [1, 2], host=host)
    assert host.lines == [("info", "x"), ("info", "x")]


def test_a_traceback_names_the_authors_lines_and_causes() -> None:
    error = thrown(
        """
class Odd(Exception):
    pass
def inner():
    raise Odd("too odd")
def lambda_handler(event, context):
    try:
        inner()
    except Odd as odd:
        raise ValueError("outer") from odd
"""
    )
    assert error.message == "ValueError: outer"
    assert error.detail.splitlines()[0] == "Traceback (most recent call last):"
    assert '  File "/var/task/index.py", line 5, in inner\n    raise Odd("too odd")' in error.detail
    assert "Odd: too odd" in error.detail
    assert "direct cause" in error.detail
    assert "boot" not in error.detail
    assert error.detail.endswith("ValueError: outer")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("b'octets'", "Object of type bytes is not JSON serializable"),
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("float('nan')", "Out of range float values are not JSON compliant"),
        ("[x for x in [[]] if x.append(x) is None]", "Circular reference detected"),
    ],
)
def test_a_result_that_is_no_json_is_named(result: str, why: str) -> None:
    error = thrown(f"def lambda_handler(event, context):\n    return {result}\n")
    assert error.message.startswith(f"MarshalError: Unable to marshal response: {why}")


def test_events_and_results_keep_their_text() -> None:
    for text in ("", "é€😀", "\x00\x1f", "a" * 20_000, '"\\\n'):
        assert value("event", event=text) == text
    assert value("[len(event), event[-1]]", event=["x" * 100] * 1_000) == [1_000, "x" * 100]


def test_several_files_and_data_beside_them_make_one_function() -> None:
    assert answer(
        {
            "index.py": "from lib.words import hello\nimport plain, os, json\n"
            "HERE = os.path.dirname(__file__)\n"
            "def lambda_handler(event, context):\n"
            "    with open(os.path.join(HERE, 'data', 'x.json')) as file:\n"
            "        return [hello(), plain.TWO, json.load(file), sorted(os.listdir(HERE)), os.getcwd()]\n",
            "lib/__init__.py": "",
            "lib/words.py": "from . import more\ndef hello():\n    return more.TEXT\n",
            "lib/more.py": "TEXT = 'hello'\n",
            "plain.py": "TWO = 2\n",
            "data/x.json": '{"a": 1}',
        }
    ) == ["hello", 2, {"a": 1}, ["__pycache__", "data", "index.py", "lib", "plain.py"], "/var/task"]


def test_an_entry_may_lie_in_a_folder() -> None:
    files = {
        "src/app.py": "from src import other\ndef lambda_handler(e, c):\n    return other.X\n",
        "src/other.py": "X = 5\n",
    }
    assert answer(files, entry="src/app.py") == 5


@pytest.mark.parametrize("entry", ["logging.py", "json.py", "calendar.py", "a-b.py"])
def test_an_entry_may_be_called_as_a_module_of_the_library(entry: str) -> None:
    assert answer(
        {entry: "X = 3\ndef lambda_handler(event, context):\n    return [event, X]\n"}, 1, entry=entry
    ) == [1, 3]


def test_a_handler_that_imports_when_called_finds_the_library_and_its_own_files() -> None:
    files = {
        "index.py": "def lambda_handler(event, context):\n"
        "    import xml.etree.ElementTree as tree, late\n"
        "    __import__('ipaddress')\n"
        "    return [tree.fromstring('<a><b/></a>')[0].tag, late.X]\n",
        "late.py": "X = 1\n",
    }
    assert answer(files) == ["b", 1]


def test_the_environment_is_the_functions_own_and_read_anew_in_each_request() -> None:
    made = make(
        "import os\ndef lambda_handler(event, context):\n"
        "    seen = [os.environ.get('A'), os.getenv('B'), os.environb.get(b'A', b'').decode(), sorted(os.environ)]\n"
        "    os.environ['C'] = 'set by this request'\n"
        "    return [*seen, os.environ['C']]\n"
    )
    assert "scope" not in made.facts
    for environment in ({"A": "1"}, {"B": "ü"}, {}):
        (ended,) = outcomes(made, [None], host=StageHost(environment=environment))
        assert isinstance(ended, Finished)
        a, b, octets, names, c = json.loads(ended.output)
        assert (a, b, octets) == (environment.get("A"), environment.get("B"), environment.get("A", ""))
        assert (names, c) == (sorted(environment), "set by this request")


def test_a_module_that_reads_the_environment_is_imported_once_for_each_environment() -> None:
    made = make(
        "import os\nGREETING = os.environ['GREETING']\nprint('imported')\n"
        "def lambda_handler(event, context):\n    return GREETING\n"
    )
    assert made.facts["scope"]
    for greeting in ("hello", "hallo"):
        host = StageHost(environment={"GREETING": greeting})
        ended = outcomes(made, [1, 2, 3], host=host)
        assert [one.output for one in ended if isinstance(one, Finished)] == [
            json.dumps(greeting).encode()
        ] * 3
        assert host.lines == [("info", "imported")]


def test_a_module_that_lacks_its_environment_says_so_in_the_request() -> None:
    error = thrown("import os\nX = os.environ['X']\ndef lambda_handler(event, context):\n    return X\n")
    assert error.message == "KeyError: 'X'"
    assert 'File "/var/task/index.py", line 2' in error.detail


def test_time_goes_on_although_the_function_is_an_image() -> None:
    python = "import time, datetime\ndef lambda_handler(event, context):\n    return [time.time(), time.time_ns() / 1e9, datetime.datetime.now(datetime.UTC).timestamp()]\n"
    before_s = time.time_ns() / 1e9
    first, second = answers(python, [1, 2])
    after_s = time.time_ns() / 1e9
    assert all(before_s - 0.01 <= now_s <= after_s + 0.01 for now_s in first + second)
    assert second[1] > first[1]


def test_random_numbers_differ_in_every_request() -> None:
    python = (
        "import random, secrets, uuid, os\nrandom.seed(1)\ndef lambda_handler(event, context):\n"
        "    return [random.random(), secrets.token_hex(8), str(uuid.uuid4()), os.urandom(8).hex()]\n"
    )
    seen = answers(python, list(range(5)))
    assert all(len(set(column)) == 5 for column in zip(*seen, strict=True))


def test_a_handler_may_sleep_and_other_guests_go_on() -> None:
    slept_s, cpu_s = value(
        "[(t := time.monotonic()) and time.sleep(0.05) or time.monotonic() - t, time.process_time()]", "time"
    )
    assert 0.05 <= slept_s < 30
    assert cpu_s < slept_s + 30


@pytest.mark.parametrize(
    ("imports", "expression"),
    [
        ("json", "json.loads('{\"a\": [1, 2.5, null]}')"),
        ("base64", "base64.b64encode(b'\\x00\\xff').decode() + base64.urlsafe_b64encode(b'\\xff').decode()"),
        ("re", "re.sub(r'(?P<a>\\w+) \\w+', r'\\g<a>', 'one two three four')"),
        ("hashlib", "[hashlib.new(name, b'x').hexdigest() for name in ('md5', 'sha1', 'sha256', 'sha512', 'sha3_256')]"),
        ("hashlib", "hashlib.blake2b(b'x', digest_size=4).hexdigest()"),
        ("hmac", "[hmac.new(b'k', b'm', 'sha256').hexdigest(), hmac.compare_digest('a', 'b')]"),
        ("datetime", "datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc).isoformat()"),
        ("urllib.parse", "[urllib.parse.parse_qs('a=1&b=%20&a=2'), urllib.parse.urlencode({'q': 'ä b'})]"),
        ("html", "html.escape('<&>') + html.unescape('&eacute;')"),
        ("http.cookies", "http.cookies.SimpleCookie('a=1; b=2')['b'].value"),
        ("uuid", "[str(uuid.UUID(int=1)), str(uuid.uuid5(uuid.NAMESPACE_DNS, 'x'))]"),
        ("zlib, gzip", "[zlib.decompress(zlib.compress(b'abc')).decode(), gzip.decompress(gzip.compress(b'd')).decode()]"),
        ("string, textwrap", "string.Template('$a').substitute(a=textwrap.dedent('  x'))"),
        ("decimal, fractions", "[str(decimal.Decimal('0.1') + decimal.Decimal('0.2')), str(fractions.Fraction(1, 3))]"),
        ("ipaddress", "str(ipaddress.ip_network('192.0.2.0/24')[5])"),
        ("struct, binascii", "[struct.unpack('<I', b'\\x01\\0\\0\\0')[0], binascii.crc32(b'x')]"),
        ("csv, io", "list(csv.reader(io.StringIO('a,\"b,c\"')))"),
        ("email.utils", "email.utils.formatdate(0, usegmt=True)"),
        ("dataclasses, typing, enum, functools, itertools, collections", "collections.Counter('aab')['a']"),
        ("time", "time.strftime('%Y-%m-%d', time.gmtime(0))"),
        ("math, statistics", "[math.sin(1), math.gcd(12, 18), statistics.median([3, 1, 2]), 2**200, 0.1 + 0.2]"),
        ("unicodedata", "[unicodedata.normalize('NFC', 'e\\u0301'), 'ß'.upper(), 'é'.encode('latin-1').hex()]"),
    ],
)  # fmt: skip
def test_the_standard_library_gives_what_it_gives_outside(imports: str, expression: str) -> None:
    here = {name.strip().partition(".")[0]: __import__(name.strip()) for name in imports.split(",")}
    for name in imports.split(","):
        __import__(name.strip())
    assert value(expression, imports) == eval(expression, here)


def test_a_host_operation_that_fails_is_an_error_to_be_caught() -> None:
    python = "import _edgefaas\ndef lambda_handler(event, context):\n    try:\n        _edgefaas.call('kv', b'')\n    except OSError as error:\n        return str(error)\n"
    assert answer(python) == "kv is not available"
    host = StageHost(operations={"kv": lambda payload: payload * 2})
    assert value("_edgefaas.call('kv', b'ab\\0').decode()", "_edgefaas", host=host) == "ab\0ab\0"
