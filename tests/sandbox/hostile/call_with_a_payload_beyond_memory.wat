;; Calls a host operation with bytes that are not there.
(module
  (import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $call (i32.const 0) (i32.const 2) (i32.const 0x1ffff) (i32.const 2)))
    (unreachable)))
