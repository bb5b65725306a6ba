;; Logs 4 KiB at a time, for ever.
(module
  (import "edgefaas" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (loop $again
      (call $log (i32.const 1) (i32.const 0) (i32.const 4096))
      (br $again))
    (unreachable)))
