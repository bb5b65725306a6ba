;; Calls itself without end.
(module
  (memory (export "memory") 2)
  (func $down (call $down) (call $down))
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $down)
    (unreachable)))
