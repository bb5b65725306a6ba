;; Loops for ever while it initializes itself.
(module
  (memory (export "memory") 2)
  (func (export "_initialize") (loop $again (br $again)))
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x0)))
