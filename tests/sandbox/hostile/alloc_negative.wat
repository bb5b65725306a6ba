;; Has room for the event at -8.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const -8))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x0)))
