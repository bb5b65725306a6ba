;; Traps in the middle of host calls.
(module
  (import "edgefaas" "log" (func $log (param i32 i32 i32)))
  (import "edgefaas" "sleep" (func $sleep (param f64)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $log (i32.const 1) (i32.const 0) (i32.const 4))
    (call $sleep (f64.const 1))
    (drop (i64.load (i32.const -8)))
    (unreachable)))
