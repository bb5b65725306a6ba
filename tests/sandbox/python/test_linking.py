"""The linker that makes one module of shared libraries, tried on small ones and run in the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.capi import CallShape, Engine, EngineConfig, Linker, Store, wat_to_wasm
from sandbox.python import dylib
from sandbox.python.instructions import (
    LinkError,
    leb,
    references,
    signed_leb,
    to_leb,
    to_signed_leb,
)
from sandbox.python.linking import Linked, link

_HEAD = """
  (import "env" "memory" (memory 0)) (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (import "env" "__memory_base" (global $mb i32)) (import "env" "__table_base" (global $tb i32))
"""


def library(name: str, body: str, *, memory: int = 16, table: int = 0) -> dylib.Library:
    """Return a shared library written as text: its imports, then the rest."""
    text = f"(module (@dylink.0 (mem-info (memory {memory} 2) (table {table} 0))) {_HEAD} {body})"
    return dylib.read(name, wat_to_wasm(text.encode()))


def linked(*libraries: dylib.Library, exports: tuple[str, ...] = ("main",), missing: str = "") -> Linked:
    return link(
        libraries, host="host", exports=exports, stack_bytes=65_536, missing_ok=lambda name: name == missing
    )


def run(made: Linked, *arguments: int) -> int:
    """Instantiate, write the memory, initialise, call ``main``."""
    engine = Engine(EngineConfig())
    linker = Linker(engine)
    linker.define(("host", "double"), ("i", "i"), lambda number: 2 * number)
    pre = linker.prepare(engine.compile(made.wasm), ("memory", "_initialize", "main"))
    store = Store(engine, memory_bytes=1 << 24)
    try:
        assert store.instantiate(pre)
        store.memory(0).write(0, made.memory)
        assert store.call(1, CallShape("", ""))
        assert store.call(2, CallShape("i" * len(arguments), "i"), *arguments)
        return store.result()
    finally:
        store.close()


BASE = library(
    "base",
    """
  (global $at i32 (i32.const 4))
  (func $number (export "number") (result i32) (i32.const 7))
  (func (export "twice_number") (result i32) (i32.mul (call $number) (i32.const 2)))
  (func (export "at_four") (result i32) (i32.load (i32.add (global.get $mb) (i32.const 4))))
  (export "datum" (global $at))
  (data (offset (global.get $mb)) "\\01\\00\\00\\00\\2a\\00\\00\\00")
""",
)


def test_libraries_call_each_other_and_find_each_others_data() -> None:
    main = library(
        "main",
        """
  (import "env" "number" (func $number (result i32))) (import "env" "at_four" (func $at (result i32)))
  (import "GOT.mem" "datum" (global $datum (mut i32)))
  (func (export "main") (result i32)
    (i32.add (call $number) (i32.add (call $at) (i32.load (global.get $datum)))))
""",
    )
    assert run(linked(main, BASE)) == 7 + 42 + 42


def test_an_earlier_library_replaces_a_function_inside_a_later_one_too() -> None:
    main = library(
        "main",
        """
  (import "env" "twice_number" (func $twice (result i32)))
  (func (export "number") (result i32) (i32.const 100))
  (func (export "main") (result i32) (call $twice))
""",
    )
    assert run(linked(main, BASE)) == 200
    assert run(linked(library("m", main_of("twice_number")), BASE)) == 14


def main_of(name: str) -> str:
    return f'(import "env" "{name}" (func $f (result i32))) (func (export "main") (result i32) (call $f))'


def test_a_replacement_of_another_type_is_refused() -> None:
    main = library(
        "main",
        main_of("twice_number") + '(func (export "number") (result i64) (i64.const 1))',
    )
    with pytest.raises(LinkError, match="number of main has another type than it replaces"):
        linked(main, BASE)


def test_functions_are_called_through_the_table_by_name_and_by_place() -> None:
    main = library(
        "main",
        """
  (import "GOT.func" "number" (global $got (mut i32)))
  (type $t (func (result i32)))
  (func $own (result i32) (i32.const 1000))
  (elem (offset (global.get $tb)) func $own)
  (func (export "main") (result i32)
    (i32.add (call_indirect (type $t) (global.get $got)) (call_indirect (type $t) (global.get $tb))))
""",
        table=1,
    )
    assert run(linked(main, BASE)) == 1007


def test_host_functions_relocations_constructors_and_the_stack_are_there() -> None:
    main = library(
        "main",
        """
  (import "host" "double" (func $double (param i32) (result i32)))
  (global $mine (mut i32) (i32.const 5))
  (func (export "__wasm_apply_data_relocs") (i32.store (global.get $mb) (global.get $mb)))
  (func (export "_initialize") (global.set $mine (i32.add (global.get $mine) (i32.const 1))))
  (func (export "main") (param $a i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (i32.store (global.get $sp) (call $double (local.get $a)))
    (i32.add (i32.mul (global.get $mine) (i32.load (global.get $sp)))
             (i32.eq (i32.load (global.get $mb)) (global.get $mb))))
""",
    )
    assert run(linked(main, BASE), 21) == 6 * 42 + 1


def test_what_no_library_has_is_refused_unless_it_may_be_missing_and_then_it_traps() -> None:
    main = library("main", main_of("absent"))
    with pytest.raises(LinkError, match="main needs absent, which no library has"):
        linked(main, BASE)
    made = linked(main, BASE, missing="absent")
    assert made.stubs == ("absent",)
    with pytest.raises(Exception, match="unreachable"):
        run(made)


def test_functions_that_cannot_be_reached_are_left_out() -> None:
    many = "".join(
        f'(func (export "f{i}") (result i32) (i32.const {i}) (drop) (i32.const 1))' for i in range(500)
    )
    big = library("big", many)
    assert len(linked(library("m", main_of("f3")), big).wasm) < 1_000


def test_linking_the_same_gives_the_same() -> None:
    assert linked(library("m", main_of("number")), BASE) == linked(library("m", main_of("number")), BASE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(module)", "no shared library"),
        (
            '(module (@dylink.0 (mem-info)) (memory 1) (data "x") (data (i32.const 0) "y"))',
            "data segment of kind 1",
        ),
        (
            "(module (@dylink.0 (mem-info)) (func $f) (table 1 funcref) (elem declare func $f))",
            "element segment",
        ),
    ],
)
def test_what_the_linker_does_not_know_is_refused(text: str, why: str) -> None:
    with pytest.raises(LinkError, match=why):
        dylib.read("odd", wat_to_wasm(text.encode()))


def test_instructions_that_the_linker_does_not_know_are_refused() -> None:
    odd = library(
        "odd", '(func (export "main") (result i32) (i32x4.extract_lane 0 (v128.const i32x4 1 2 3 4)))'
    )
    with pytest.raises(LinkError, match="instruction 0xfd"):
        linked(odd)


def test_octets_that_break_off_are_refused_wherever_they_do() -> None:
    whole = wat_to_wasm(f"(module (@dylink.0 (mem-info)) {_HEAD} {main_of('x')})".encode())
    for length in range(len(whole)):
        try:
            dylib.read("cut", whole[:length])
        except LinkError:
            continue
        except Exception as error:
            pytest.fail(f"at {length}: {error!r}")


@given(st.integers(0, 2**64))
def test_unsigned_numbers_come_back(number: int) -> None:
    written = to_leb(number)
    assert leb(b"\xff" + written + b"\xff", 1) == (number, 1 + len(written))


@given(st.integers(-(2**63), 2**63))
def test_signed_numbers_come_back(number: int) -> None:
    written = to_signed_leb(number)
    assert signed_leb(b"\xff" + written + b"\xff", 1) == (number, 1 + len(written))


_PIECES: list[tuple[bytes, list[tuple[str, int]]]] = [
    (b"\x10\x83\x01", [("F", 131)]),
    (b"\x11\x05\x00", [("T", 5)]),
    (b"\x23\x02", [("G", 2)]),
    (b"\x24\x80\x01", [("G", 128)]),
    (b"\x02\x40", []),
    (b"\x02\x7f", []),
    (b"\x02\x03", [("B", 3)]),
    (b"\x0e\x02\x00\x01\x02", []),
    (b"\x41\x90\x7f", []),
    (b"\x43\x10\x10\x10\x10", []),
    (b"\x44" + b"\x10" * 8, []),
    (b"\xfc\x0a\x00\x00", []),
    (b"\x28\x02\x10", []),
    (b"\xd2\x09", [("F", 9)]),
    (b"\x1c\x01\x7f", []),
    (b"\x6a", []),
]


@given(st.lists(st.sampled_from(_PIECES)))
def test_what_code_names_is_found_wherever_it_stands(
    pieces: list[tuple[bytes, list[tuple[str, int]]]],
) -> None:
    body = b"\x01\x02\x7f" + b"".join(piece for piece, _ in pieces) + b"\x0b"
    found = references(body)
    assert [(letter, number) for _, _, letter, number in found] == [
        one for _, names in pieces for one in names
    ]
    for begin, end, letter, number in found:
        written = body[begin + (letter == "G") : end]
        assert leb(written, 0) == (number, len(written))


def test_the_parts_of_cpython_are_found_in_the_package() -> None:
    from sandbox.python.parts import cpython, frames
    from tests.sandbox.python.stage import missing

    if missing():
        pytest.skip(missing())
    libraries, files = cpython()
    assert [one.name for one in libraries][:1] + [one.name for one in libraries][-1:] == ["libpython", "libc"]
    assert "/usr/lib/python3.14/json/__init__.py" in files
    assert not any("/test/" in path or path.endswith(".so") for path in files)
    assert list(frames(b"no frame \x28\xb5\x2f\xfd here")) == []
