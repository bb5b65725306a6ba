;; Calls the host from every depth of its stack.
(module
  (import "edgefaas" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func $down (call $log (i32.const 1) (i32.const 0) (i32.const 1)) (call $down) (call $down))
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $down)
    (unreachable)))
