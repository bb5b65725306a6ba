;; Sleeps for an hour while it is instantiated.
(module
  (import "edgefaas" "sleep" (func $sleep (param f64)))
  (memory (export "memory") 2)
  (func $start (call $sleep (f64.const 3600000)))
  (start $start)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x0)))
