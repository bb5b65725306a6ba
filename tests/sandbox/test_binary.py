"""Reading a module's imports and exports: any bytes are described or refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.binary import check_exports, check_imports, describe
from sandbox.capi import wat_to_wasm
from sandbox.errors import CompileError, ForbiddenImportError, MissingExportError

MODULE = wat_to_wasm(b"""
(module
  (import "a" "f" (func (param i32 i64) (result f64)))
  (import "a" "g" (global (mut i32)))
  (import "b" "t" (table 1 2 funcref))
  (memory (export "memory") 3 9)
  (table (export "table") 4 externref)
  (global (export "global") i32 (i32.const 1))
  (func (export "none"))
  (func (export "two") (param v128 funcref) (result i32 i32) (i32.const 1) (i32.const 2)))
""")


def test_a_module_is_described_with_its_signatures() -> None:
    facts = describe(MODULE)
    assert facts.imports == (("a", "f", "(i32, i64) -> f64"), ("a", "g", "global"), ("b", "t", "table"))
    assert facts.exports == {
        "memory": "memory",
        "table": "table",
        "global": "global",
        "none": "() -> ()",
        "two": "(v128, funcref) -> (i32, i32)",
    }
    assert facts.memory_pages == 3


@given(data=st.binary(max_size=300))
def test_any_bytes_are_described_or_refused(data: bytes) -> None:
    for wasm in (data, b"\0asm\1\0\0\0" + data):
        with contextlib.suppress(CompileError):
            describe(wasm)


@given(at=st.integers(8, len(MODULE) - 1), value=st.integers(0, 255))
def test_any_damaged_module_is_described_or_refused(at: int, value: int) -> None:
    damaged = bytearray(MODULE)
    damaged[at] = value
    with contextlib.suppress(CompileError):
        describe(bytes(damaged))


def test_every_forbidden_import_is_named_up_to_five() -> None:
    imports = "".join(f'(import "env" "f{number}" (func))' for number in range(7))
    facts = describe(wat_to_wasm(f"(module {imports})".encode()))
    with pytest.raises(ForbiddenImportError, match=r"env\.f0.*env\.f4 and 2 more"):
        check_imports(facts, set())
    check_imports(facts, {("env", f"f{number}") for number in range(7)})


def test_a_needed_export_must_be_there_with_its_signature() -> None:
    facts = describe(MODULE)
    check_exports(facts, [("none", "() -> ()"), ("memory", "memory")])
    with pytest.raises(MissingExportError, match=r"needs \(i32\) -> \(\)"):
        check_exports(facts, [("none", "(i32) -> ()")])
    with pytest.raises(MissingExportError, match="lacks"):
        check_exports(facts, [("other", "() -> ()")])
