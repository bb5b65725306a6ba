;; Logs a line as long as can be.
(module
  (import "edgefaas" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $log (i32.const 1) (i32.const 0) (i32.const -1))
    (i64.const 0x4)))
