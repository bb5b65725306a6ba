"""Guests that make any calls with any arguments: their input is a list of calls, so any bytes are a program.

A record is 40 bytes: which function (modulo how many there are), a mask, and nine numbers of 32 bits that its
arguments are taken from; one whose bit is set in the mask is cut to what may be an address inside memory. What a call
left in memory is there for the next.
"""

from collections.abc import Sequence

RECORD_BYTES = 40
SCRIPT_AT, SCRIPT_BYTES_MAX = 131_072, 16_384
PAGES = 3
HANDLES = 12
_KINDS = {"i": "i32", "q": "i64", "d": "f64", "h": "i32"}  # h: the handle of a resource, a small number

Import = tuple[str, str, str, str]
"""Module, name, parameters and result, as ``sandbox.capi`` writes them."""


def calls_of(imports: Sequence[Import]) -> tuple[str, str]:
    """Return the imports, and a function ``$play`` that makes the calls in ``length`` bytes at SCRIPT_AT."""
    declared, cases = [], []
    for number, (module, name, parameters, result) in enumerate(imports):
        types = "".join(f"(param {_KINDS[kind]})" for kind in parameters)
        returned = f"(result {_KINDS[result]})" if result else ""
        declared.append(f'(import "{module}" "{name}" (func $f{number} {types} {returned}))')
        call = f"(call $f{number} {' '.join(_argument(at, kind) for at, kind in enumerate(parameters))})"
        dropped = f"(drop {call})" if result else call
        cases.append(f"(if (i32.eq (local.get $which) (i32.const {number})) (then {dropped}))")
    play = f"""
      (func $number (param $record i32) (param $at i32) (result i32)
        (local $value i32)
        (local.set $value (i32.load offset=4 (i32.add (local.get $record) (i32.shl (local.get $at) (i32.const 2)))))
        (if (i32.and (i32.load16_u offset=2 (local.get $record)) (i32.shl (i32.const 1) (local.get $at)))
          (then (local.set $value (i32.and (local.get $value) (i32.const 0x1ffff)))))
        (local.get $value))
      (func $play (param $length i32) (local $at i32) (local $end i32) (local $which i32)
        (local.set $at (i32.const {SCRIPT_AT}))
        (local.set $end (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const {RECORD_BYTES})))
        (block $done (loop $next
          (br_if $done (i32.gt_s (local.get $at) (local.get $end)))
          (local.set $which (i32.rem_u (i32.load8_u (local.get $at)) (i32.const {len(imports)})))
          {" ".join(cases)}
          (local.set $at (i32.add (local.get $at) (i32.const {RECORD_BYTES})))
          (br $next))))
    """
    return "\n".join(declared), play


def _argument(at: int, kind: str) -> str:
    number = f"(call $number (local.get $at) (i32.const {at}))"
    return {
        "i": number,
        "h": f"(i32.rem_u {number} (i32.const {HANDLES}))",
        "q": f"(i64.extend_i32_s {number})",
        "d": f"(f64.reinterpret_i64 (i64.load offset={4 + 4 * at} (local.get $at)))",
    }[kind]
