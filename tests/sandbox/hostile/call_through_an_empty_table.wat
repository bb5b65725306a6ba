;; Calls a function that is not there.
(module
  (memory (export "memory") 2)
  (table 10 funcref)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call_indirect (result i64) (i32.const 5))))
