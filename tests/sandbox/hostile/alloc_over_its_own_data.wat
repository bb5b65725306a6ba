;; Has the event written over its own data.
(module
  (memory (export "memory") 2)
  (data (i32.const 0) "mine")
  (func (export "alloc") (param i32) (result i32) (i32.const 0))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x4)))
