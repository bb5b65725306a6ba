;; Calls a host operation with a name as long as can be.
(module
  (import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $call (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0)))
    (unreachable)))
