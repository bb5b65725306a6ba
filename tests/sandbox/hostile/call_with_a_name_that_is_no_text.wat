;; Calls a host operation whose name is no UTF-8.
(module
  (import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\ff\fe\c3\28")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $call (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4)))
    (i64.const 0x4)))
