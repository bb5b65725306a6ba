;; Loops for ever when asked for room for the event.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (loop $again (br $again)) (unreachable))
  (func (export "handle") (param i32 i32) (result i64)
    (i64.const 0x0)))
