;; Logs at levels that do not exist.
(module
  (import "edgefaas" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\ff\fe\c3\28")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $log (i32.const -5) (i32.const 0) (i32.const 4))
    (call $log (i32.const 99) (i32.const 0) (i32.const 4))
    (i64.const 0x4)))
