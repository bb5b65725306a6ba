"""The guest's side: what the shim (engine.c) calls, step by step. Runs on CPython in the sandbox, never on the host.

A step takes bytes and returns bytes: "0" and an answer, "1" and an error as JSON, "2" when memory ran out. What is
read or imported here before SETTLE is part of every function's image.
"""

import gc
import importlib
import importlib.util
import json
import logging
import marshal
import os
import sys
import traceback

import _edgefaas

TASK = "/var/task"
LIBRARY = "/usr/lib/python3.14"
CHECK, PRELOAD, LOAD, SETTLE, HANDLE = range(1, 6)
_UNCHECKED_HASH = (0b01).to_bytes(4, "little") + bytes(8)  # PEP 552: never compared with the source
_LEVELS = ((logging.ERROR, 3), (logging.WARNING, 2), (logging.INFO, 1))

_pending = None  # what LOAD was asked for, when it is to be done in the request
_handler = None


class MarshalError(Exception):
    """What the handler returned is no JSON."""


# ---- the environment: asked for when somebody looks ----------------------------------------------------


class _Environment(type(os.environ)):
    """os.environ, whose contents come from the host at the first look in each request."""

    contents = None  # of this class: os.environ and os.environb are two views of the same

    @property
    def _data(self):
        if _Environment.contents is None:
            told = json.loads(_edgefaas.call("env", b""))
            _Environment.contents = {os.fsencode(key): os.fsencode(value) for key, value in told.items()}
        return _Environment.contents

    @_data.setter
    def _data(self, _value):
        _Environment.contents = None


def _adopt_environment():
    for name in ("environ", "environb"):
        old = getattr(os, name)
        setattr(os, name, _Environment({}, old.encodekey, old.decodekey, old.encodevalue, old.decodevalue))


# ---- logging ---------------------------------------------------------------------------------------------


class _HostHandler(logging.Handler):
    """Records of ``logging`` become lines of the function's log, with their level."""

    def emit(self, record):
        try:
            level = next((number for least, number in _LEVELS if record.levelno >= least), 0)
            _edgefaas.log(level, self.format(record))
        except Exception:
            self.handleError(record)


# ---- the context, as AWS gives it ------------------------------------------------------------------------


class Context:
    """The second argument of a handler."""

    function_version = "$LATEST"
    memory_limit_in_mb = "128"
    identity = None
    client_context = None

    def __init__(self, request_id):
        self.aws_request_id = request_id

    @property
    def function_name(self):
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function")

    @property
    def invoked_function_arn(self):
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self):
        return f"/aws/lambda/us-east-1.{self.function_name}"

    @property
    def log_stream_name(self):
        return self.aws_request_id

    def get_remaining_time_in_millis(self):
        return int(_edgefaas.call("remaining", b""))


def _request_id(event):
    try:
        return str(event["Records"][0]["cf"]["config"]["requestId"])
    except (KeyError, IndexError, TypeError):
        return ""


# ---- steps -------------------------------------------------------------------------------------------------


def _check(data):
    """Compile one file: path, zero, source. Answers what it imports, a newline, and its bytecode as in a .pyc."""
    import ast

    path, _, source = data.partition(b"\0")
    name = path.decode()
    try:
        tree = ast.parse(source, name)
        code = compile(tree, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        told = {"error": type(error).__name__, "message": getattr(error, "msg", None) or str(error)}
        told["line"], told["column"] = getattr(error, "lineno", None), getattr(error, "offset", None)
        return b"1" + json.dumps(told).encode()
    head = json.dumps(list(_imports(tree))).encode()
    return b"0" + head + b"\n" + importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + marshal.dumps(code)


def _imports(tree):
    """Yield what a file imports: module, level, names, line, whether in a try block, and whether in a function."""
    import ast

    todo = [(tree, False, False)]
    while todo:
        node, guarded, inside = todo.pop()
        if isinstance(node, ast.Import):
            for one in node.names:
                yield [one.name, 0, [], node.lineno, guarded, inside]
        elif isinstance(node, ast.ImportFrom):
            yield [
                node.module or "",
                node.level,
                [one.name for one in node.names],
                node.lineno,
                guarded,
                inside,
            ]
        elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            todo += [(child, guarded, inside) for child in node.orelse]
            continue
        guarded = guarded or isinstance(node, (ast.Try, ast.TryStar))
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        todo += [(child, guarded, inside) for child in ast.iter_child_nodes(node)]


def _preload(data):
    """Import what the function will want of the library; what cannot be imported is left to the function."""
    for name in json.loads(data):
        try:
            importlib.import_module(name)
        except Exception:
            sys.modules.pop(name, None)
    return b"0"


def _load(data):
    """Import the function's module and find its handler; with ``later``, in the request."""
    global _pending
    wanted = json.loads(data)
    if wanted["later"]:
        _pending = wanted
        return b"0{}"
    return b"0" + json.dumps(_find(wanted)).encode()


def _find(wanted):
    global _handler, _pending
    if TASK not in sys.path:
        sys.path.insert(0, TASK)
        sys.path_importer_cache.clear()
    known = sys.modules.get(wanted["module"])
    if known is not None and not str(getattr(known, "__file__", "")).startswith(TASK):
        del sys.modules[wanted["module"]]  # the author's file is called as a module of the library
    module = importlib.import_module(wanted["module"])
    _handler = getattr(module, wanted["handler"], None)
    if _handler is None and wanted.get("any"):
        _handler = _only(module)
    _pending = None
    names = sorted(
        name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
    )
    return {"callable": callable(_handler), "names": names}


def _only(module):
    """Return a module's function that is called as handlers are elsewhere, or its only one; None: neither."""
    own = {
        name: value
        for name, value in vars(module).items()
        if type(value) is type(_only) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return own.get("handler") or (next(iter(own.values())) if len(own) == 1 else None)


def _settle(_data):
    """Make the heap ready to be frozen: no garbage, and nothing that later collections would touch.

    Answers which modules are part of the interpreter.
    """
    _Environment.contents = None
    sys.path_importer_cache.clear()
    gc.collect()
    gc.freeze()
    return b"0" + json.dumps(sys.builtin_module_names).encode()


def _handle(data):
    event = json.loads(data)
    _Environment.contents = None
    if _pending is not None:
        name = _pending["handler"]
        if not _find(_pending)["callable"]:
            raise AttributeError(f"the module has no function named {name!r}")
    elif "random" in sys.modules:  # every request would draw the numbers of the image
        sys.modules["random"].seed()
    result = _handler(event, Context(_request_id(event)))
    try:
        return b"0" + json.dumps(result, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise MarshalError(f"Unable to marshal response: {error}") from None


_STEPS = {CHECK: _check, PRELOAD: _preload, LOAD: _load, SETTLE: _settle, HANDLE: _handle}


def step(number, data):
    """Do a step. Whatever goes wrong is an answer, too."""
    try:
        return _STEPS[number](data)
    except MemoryError:
        return b"2"
    except BaseException as error:
        return b"1" + _told(error)


def _told(error):
    """Return an error as JSON, its traceback from the author's first frame on."""
    told = {"error": type(error).__name__, "message": _words(error), "file": "", "line": None}
    here = error.__traceback__
    while here is not None and here.tb_frame.f_code.co_filename.startswith((LIBRARY, "<frozen")):
        here = here.tb_next
    last = here
    while last is not None:
        if last.tb_frame.f_code.co_filename.startswith(TASK):
            told["file"], told["line"] = last.tb_frame.f_code.co_filename, last.tb_lineno
        last = last.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        told["message"], told["file"], told["line"] = error.msg, error.filename, error.lineno
        told["column"] = error.offset
    if isinstance(error, ModuleNotFoundError):
        told["lacks"] = error.name
    try:
        told["stack"] = "".join(traceback.format_exception(type(error), error, here))
    except BaseException:
        told["stack"] = told["error"]
    return json.dumps(told).encode()


def _words(error):
    """Return what an error says; its class is the author's, and may fail at that."""
    try:
        return str(error)
    except BaseException as worse:
        return f"(its text cannot be had: {type(worse).__name__})"


_adopt_environment()
logging.getLogger().addHandler(_HostHandler())
