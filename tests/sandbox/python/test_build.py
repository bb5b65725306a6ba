# ruff: noqa: E501  # functions are shown as they are
"""What is said at deploy about a function in Python: where it is wrong, and what every request will see."""

import pytest

from sandbox.contract import Finished
from sandbox.errors import (
    BuildLimitError,
    CompileError,
    ForbiddenImportError,
    MissingExportError,
)
from tests.sandbox.python.stage import MARKS, answer, answers, make, outcomes
from tests.sandbox.stage import StageHost

pytestmark = MARKS
HANDLER = "def lambda_handler(event, context):\n    return 1\n"


@pytest.mark.parametrize(
    ("python", "line"),
    [
        ("x = = 1\n", 1),
        ("def lambda_handler(event, context):\n    return (\n", 2),
        ("def lambda_handler(event, context):\nreturn 1\n", 2),
        ("if True:\n\tx = 1\n        y = 2\n", 3),
        ("x = 'é\n", 1),
    ],
)
def test_a_syntax_error_is_named_with_file_and_line(python: str, line: int) -> None:
    with pytest.raises(CompileError) as caught:
        make(python)
    assert str(caught.value).startswith(f"index.py:{line}:")
    assert caught.value.line == line


def test_a_syntax_error_in_another_file_is_named_too() -> None:
    with pytest.raises(CompileError, match=r"^other\.py:2:5: "):
        make({"index.py": f"import other\n{HANDLER}", "other.py": "\nx = = 1\n"})
    with pytest.raises(CompileError, match=r"^lib/other\.py:1:5: "):
        make({"index.py": f"import lib.other\n{HANDLER}", "lib/other.py": "x = = 1\n"})
    with pytest.raises(CompileError, match=r"index\.py: .*null bytes"):
        make("x = '\0'\n")


def test_a_syntax_error_in_a_file_that_nobody_imports_is_nobodys() -> None:
    made = make({"index.py": HANDLER, "lib/old.py": "print 'python 2'\n"})
    assert isinstance(outcomes(made, [None])[0], Finished)


@pytest.mark.parametrize(
    ("statement", "module"),
    [
        ("import requests", "requests"),
        ("from boto3.session import Session", "boto3.session"),
        ("import json, numpy.linalg", "numpy.linalg"),
        ("if True:\n    import yaml", "yaml"),
        ("import tkinter", "tkinter"),
    ],
)
def test_an_import_that_cannot_succeed_is_named_with_file_and_line(statement: str, module: str) -> None:
    with pytest.raises(ForbiddenImportError) as caught:
        make(f"\n{statement}\n{HANDLER}")
    line = 2 + statement.count("\n")
    assert str(caught.value) == f"index.py:{line} imports {module!r}, which is neither deployed nor built in"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "statement",
    [
        "try:\n    import requests\nexcept ImportError:\n    requests = None",
        "def later():\n    import requests",
        "import typing\nif typing.TYPE_CHECKING:\n    import requests",
    ],
)
def test_an_import_that_need_not_succeed_is_left_to_the_function(statement: str) -> None:
    assert answer(f"{statement}\n{HANDLER}") == 1


def test_an_import_inside_a_dependency_is_named_where_the_author_imports_it() -> None:
    files = {
        "index.py": f"\nimport dependency\n{HANDLER}",
        "dependency/__init__.py": "import absent\n",
        "dependency-1.dist-info/RECORD": "dependency/__init__.py,,\n",
    }
    with pytest.raises(ForbiddenImportError, match=r"^dependency/__init__\.py:1 imports 'absent'"):
        make(files)


def test_a_dependency_installed_beside_the_function_works() -> None:
    files = {
        "index.py": "import dependency\ndef lambda_handler(event, context):\n    return dependency.X\n",
        "dependency/__init__.py": "try:\n    import absent\nexcept ImportError:\n    X = 3\n",
        "dependency-1.dist-info/RECORD": "dependency/__init__.py,,\n",
    }
    assert answer(files) == 3


def test_a_package_of_one_file_may_import_what_it_does_not_need() -> None:
    files = {
        "index.py": f"import six\n{HANDLER}",
        "six.py": "import sys\nif sys.version_info[0] < 3:\n    import StringIO\n",
        "six-1.dist-info/RECORD": "six-1.dist-info/METADATA,,\nsix.py,,\n",
    }
    make(files)
    with pytest.raises(ForbiddenImportError, match=r"mysix\.py:3 imports 'StringIO'"):
        make({**files, "mysix.py": files["six.py"]})


@pytest.mark.parametrize(
    "python",
    [
        "def handler(event, context):\n    return 7\ndef other():\n    pass\n",
        "from json import dumps\ndef rewrite(event, context):\n    return 7\ndef _own():\n    pass\n",
        "import os\nKEY = os.environ.get('KEY')\ndef rewrite(event, context):\n    return 7\n",
    ],
)
def test_a_function_called_handler_or_the_only_one_is_the_handler(python: str) -> None:
    assert answer(python) == 7


def test_ssl_is_there_to_be_imported_and_set_up() -> None:
    python = """
import ssl, socket, urllib.request

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.options |= ssl.OP_NO_SSLv3


def lambda_handler(event, unused):
    try:
        context.wrap_socket(None)
    except ssl.SSLError as error:
        return [isinstance(error, OSError), "urllib" in str(error), ssl.PROTOCOL_TLS_CLIENT.name]
"""
    assert answer(python) == [True, True, "PROTOCOL_TLS_CLIENT"]


def test_a_missing_handler_is_named_with_what_is_there() -> None:
    with pytest.raises(
        MissingExportError, match=r"index\.py has no function named 'lambda_handler'; it has main, other"
    ):
        make("def main(): pass\ndef other(): pass\n_X = 1\n")
    with pytest.raises(MissingExportError, match="it has no function at all"):
        make("lambda_handler = 1\n")
    with pytest.raises(CompileError, match=r"there is no file 'absent\.py'"):
        make({"index.py": HANDLER}, entry="absent.py")


def test_an_error_at_the_top_level_is_named_with_its_place() -> None:
    with pytest.raises(CompileError) as caught:
        make({"index.py": f"import other\n{HANDLER}", "other.py": "\n\nraise ValueError('no')\n"})
    assert str(caught.value) == "the top level raised ValueError: no at other.py:3"
    assert caught.value.line == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("python", "why"),
    [
        ("while True:\n    pass\n", "the top level of the function did not end within 5 s of CPU"),
        ("x = [0]\nwhile True:\n    x = x + x\n", "fills its memory"),
        ("def f():\n    f()\nf()\n", "RecursionError"),
        ("x = []\nfor i in range(100000):\n    x = [x]\nrepr(x)\n", "call stack exhausted"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("import os\nos._exit(3)\n", "ended its process, with status 3"),
        ("import os\nos.abort()\n", "gave up"),
        ("open('/etc/passwd')\n", "No such file"),
        ("import threading\nthreading.Thread(target=print).start()\n", "can't start new thread"),
    ],
)
def test_a_top_level_that_goes_wrong_ends_the_build_and_says_why(python: str, why: str) -> None:
    with pytest.raises((CompileError, BuildLimitError), match=why):
        make(python + HANDLER)


def test_a_top_level_whose_result_is_frozen_is_warned_of() -> None:
    assert make(HANDLER).warnings == ()
    (said,) = make(f"import random\nX = random.random()\nimport os\nY = os.urandom(1)\n{HANDLER}").warnings
    assert "randomness" in said
    (said,) = make(f"import time\nX = time.time()\n{HANDLER}").warnings
    assert "reads the time" in said
    (said,) = make(f"print('here')\n{HANDLER}").warnings
    assert said == "The top level logged 'info: here'."
    assert make(f"import time\ntime.sleep(100)\n{HANDLER}").warnings == ()


def test_a_top_level_that_needs_a_request_runs_in_each() -> None:
    made = make(
        "import _edgefaas\nX = _edgefaas.call('kv', b'k').decode()\ndef lambda_handler(event, context):\n    return X\n"
    )
    assert "uses kv, which only a request has" in made.warnings[0]
    values = iter([b"one", b"two"])
    ended = outcomes(made, [1, 2], host=StageHost(operations={"kv": lambda _payload: next(values)}))
    assert [one.output for one in ended if isinstance(one, Finished)] == [b'"one"', b'"two"']


def test_what_the_top_level_made_is_there_in_every_request_and_was_made_once() -> None:
    python = (
        "import re\nSEEN = []\nWORD = re.compile('[a-z]+')\nclass Thing:\n    def __init__(self):\n        self.x = {'a': [1]}\n"
        "THING = Thing()\ndef lambda_handler(event, context):\n    SEEN.append(event)\n    THING.x['a'].append(event)\n"
        "    return [SEEN, THING.x, WORD.match('abc1')[0]]\n"
    )
    assert answers(python, [1, 2]) == [[[1], {"a": [1, 1]}, "abc"], [[2], {"a": [1, 2]}, "abc"]]
