;; Sleeps for an hour.
(module
  (import "edgefaas" "sleep" (func $sleep (param f64)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $sleep (f64.const 3600000))
    (unreachable)))
