;; Takes 4 GiB of a result of three bytes.
(module
  (import "edgefaas" "env" (func $env (param i32 i32) (result i32)))
  (import "edgefaas" "take" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "A")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $env (i32.const 0) (i32.const 1)))
    (drop (call $take (i32.const 8) (i32.const -1)))
    (i64.const 0x800000004)))
