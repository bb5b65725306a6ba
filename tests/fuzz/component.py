# ruff: noqa: E501  # a table
"""A component of wasi:http that makes any calls with any arguments: its request's body is the list of calls."""

from tests.fuzz.scripts import SCRIPT_AT, Import, calls_of

_FUNCTIONS = (  # interface, name, its type, its core parameters and result
    ("streams", "[method]input-stream.read", '(param "self" (borrow $input)) (param "len" u64) (result $bytes)', "hqi", ""),
    ("streams", "[method]input-stream.blocking-read", '(param "self" (borrow $input)) (param "len" u64) (result $bytes)', "hqi", ""),
    ("streams", "[method]input-stream.skip", '(param "self" (borrow $input)) (param "len" u64) (result $count)', "hqi", ""),
    ("streams", "[method]input-stream.subscribe", '(param "self" (borrow $input)) (result (own $pollable))', "h", "i"),
    ("streams", "[method]output-stream.subscribe", '(param "self" (borrow $output)) (result (own $pollable))', "h", "i"),
    ("streams", "[method]output-stream.check-write", '(param "self" (borrow $output)) (result $count)', "hi", ""),
    ("streams", "[method]output-stream.write", '(param "self" (borrow $output)) (param "contents" (list u8)) (result $done)', "hiii", ""),
    ("streams", "[method]output-stream.blocking-write-and-flush", '(param "self" (borrow $output)) (param "contents" (list u8)) (result $done)', "hiii", ""),
    ("streams", "[method]output-stream.write-zeroes", '(param "self" (borrow $output)) (param "len" u64) (result $done)', "hqi", ""),
    ("streams", "[method]output-stream.splice", '(param "self" (borrow $output)) (param "src" (borrow $input)) (param "len" u64) (result $count)', "hhqi", ""),
    ("poll", "[method]pollable.ready", '(param "self" (borrow $pollable)) (result bool)', "h", "i"),
    ("poll", "poll", '(param "in" (list (borrow $pollable))) (result (list u32))', "iii", ""),
    ("types", "[constructor]fields", "(result (own $fields))", "", "i"),
    ("types", "[method]fields.append", '(param "self" (borrow $fields)) (param "name" string) (param "value" (list u8)) (result $changed)', "hiiiii", ""),
    ("types", "[method]fields.set", '(param "self" (borrow $fields)) (param "name" string) (param "value" (list (list u8))) (result $changed)', "hiiiii", ""),
    ("types", "[method]fields.get", '(param "self" (borrow $fields)) (param "name" string) (result (list (list u8)))', "hiii", ""),
    ("types", "[method]fields.entries", '(param "self" (borrow $fields)) (result (list (tuple string (list u8))))', "hi", ""),
    ("types", "[static]fields.from-list", '(param "entries" (list (tuple string (list u8)))) (result (result (own $fields) (error $wrong)))', "iii", ""),
    ("types", "[method]incoming-request.consume", '(param "self" (borrow $request)) (result (result (own $incoming)))', "hi", ""),
    ("types", "[method]incoming-request.headers", '(param "self" (borrow $request)) (result (own $fields))', "h", "i"),
    ("types", "[method]incoming-body.stream", '(param "self" (borrow $incoming)) (result (result (own $input)))', "hi", ""),
    ("types", "[constructor]outgoing-response", '(param "headers" (own $fields)) (result (own $response))', "h", "i"),
    ("types", "[method]outgoing-response.set-status-code", '(param "self" (borrow $response)) (param "code" u16) (result (result))', "hi", "i"),
    ("types", "[method]outgoing-response.body", '(param "self" (borrow $response)) (result (result (own $outgoing)))', "hi", ""),
    ("types", "[method]outgoing-body.write", '(param "self" (borrow $outgoing)) (result (result (own $output)))', "hi", ""),
    ("types", "[static]outgoing-body.finish", '(param "this" (own $outgoing)) (param "trailers" (option (own $fields))) (result (result (error $code)))', "hihi", ""),
    ("types", "[static]response-outparam.set", '(param "param" (own $outparam)) (param "response" (result (own $response) (error $code)))', "hii", ""),
)  # fmt: skip  # a table
_DROPPED = ("input", "output", "pollable", "fields", "response", "outgoing", "incoming")
_RESOURCES = {
    "fields": "fields", "request": "incoming-request", "incoming": "incoming-body", "response": "outgoing-response",
    "outgoing": "outgoing-body", "outparam": "response-outparam",
}  # fmt: skip


def _functions(interface: str) -> str:
    return "\n".join(
        f'(export "{name}" (func {kind}))' for where, name, kind, _, _ in _FUNCTIONS if where == interface
    )


def component_text() -> bytes:
    """Return the component as text."""
    imports: list[Import] = [
        ("host", name, parameters, result) for _, name, _, parameters, result in _FUNCTIONS
    ]
    imports += [("host", f"drop {name}", "h", "") for name in _DROPPED]
    declared, play = calls_of(imports)
    lowered = "\n".join(
        f'(core func $c{at} (canon lower (func ${where} "{name}") (memory $memory) (realloc $realloc)))'
        for at, (where, name, _, _, _) in enumerate(_FUNCTIONS)
    )
    drops = "\n".join(f"(core func $drop-{name} (canon resource.drop ${name}))" for name in _DROPPED)
    exports = " ".join(f'(export "{name}" (func $c{at}))' for at, (_, name, _, _, _) in enumerate(_FUNCTIONS))
    exports += " ".join(f'(export "drop {name}" (func $drop-{name}))' for name in _DROPPED)
    resources = "\n".join(
        f'(export "{wit}" (type ${name} (sub resource)))' for name, wit in _RESOURCES.items()
    )
    aliases = "\n".join(f'(alias export $types "{wit}" (type ${name}))' for name, wit in _RESOURCES.items())
    numbers = {name: at for at, (_, name, _, _, _) in enumerate(_FUNCTIONS)}
    consume, stream, read = (
        numbers[name]
        for name in (
            "[method]incoming-request.consume",
            "[method]incoming-body.stream",
            "[method]input-stream.blocking-read",
        )
    )
    return f"""(component
      (import "wasi:io/error@0.2.3" (instance $io-error (export "error" (type (sub resource)))))
      (alias export $io-error "error" (type $error))
      (import "wasi:io/poll@0.2.3" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        {_functions("poll")}))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:io/streams@0.2.3" (instance $streams
        (alias outer 1 $error (type $error)) (alias outer 1 $pollable (type $pollable'))
        (export "error" (type $e (eq $error))) (export "pollable" (type $pollable (eq $pollable')))
        (export "input-stream" (type $input (sub resource)))
        (export "output-stream" (type $output (sub resource)))
        (type $failure' (variant (case "last-operation-failed" (own $e)) (case "closed")))
        (export "stream-error" (type $failure (eq $failure')))
        (type $bytes (result (list u8) (error $failure))) (type $count (result u64 (error $failure)))
        (type $done (result (error $failure)))
        {_functions("streams")}))
      (alias export $streams "input-stream" (type $input))
      (alias export $streams "output-stream" (type $output))
      (import "wasi:http/types@0.2.3" (instance $types
        (alias outer 1 $input (type $input')) (alias outer 1 $output (type $output'))
        (export "input-stream" (type $input (eq $input')))
        (export "output-stream" (type $output (eq $output')))
        {resources}
        (type $wrong' (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
        (export "header-error" (type $wrong (eq $wrong')))
        (type $code' (variant (case "loop-detected"))) (export "error-code" (type $code (eq $code')))
        (type $changed (result (error $wrong)))
        {_functions("types")}))
      {aliases}
      (core module $libc
        (memory (export "memory") 4)
        (global $at (mut i32) (i32.const 196608))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (local $given i32)
          (if (i32.gt_u (local.get 3) (i32.const 65536)) (then (unreachable)))
          (if (i32.gt_u (i32.add (global.get $at) (local.get 3)) (i32.const 262136))
            (then (global.set $at (i32.const 196608))))
          (local.set $given (i32.and (i32.add (global.get $at) (i32.const 7)) (i32.const -8)))
          (global.set $at (i32.add (local.get $given) (local.get 3)))
          (local.get $given)))
      (core instance $libc (instantiate $libc))
      (alias core export $libc "memory" (core memory $memory))
      (alias core export $libc "realloc" (core func $realloc))
      {lowered} {drops}
      (core module $main
        (import "host" "memory" (memory 4))
        {declared} {play}
        (func (export "handle") (param $request i32) (param $outparam i32)
          (local $size i32)
          (call $f{consume} (local.get $request) (i32.const 16))
          (call $f{stream} (i32.load (i32.const 20)) (i32.const 16))
          (call $f{read} (i32.load (i32.const 20)) (i64.const 8192) (i32.const 32))
          (local.set $size (i32.load (i32.const 40)))
          (memory.copy (i32.const {SCRIPT_AT}) (i32.load (i32.const 36)) (local.get $size))
          (call $play (local.get $size))))
      (core instance $host (export "memory" (memory $memory)) {exports})
      (core instance $main (instantiate $main (with "host" (instance $host))))
      (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
        (canon lift (core func $main "handle")))
      (instance $handler (export "handle" (func $handle)))
      (export "wasi:http/incoming-handler@0.2.3" (instance $handler)))""".encode()


NAMES = [name for _, name, _, _, _ in _FUNCTIONS] + [f"drop {name}" for name in _DROPPED]
