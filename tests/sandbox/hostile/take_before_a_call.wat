;; Takes a result before there is one.
(module
  (import "edgefaas" "take" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (call $take (i32.const 0) (i32.const 10)))
    (i64.const 0x4)))
