;; Has room for the event beyond its memory.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 0x7fffffff))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x0)))
