;; Calls the host, for ever.
(module
  (import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "op")
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (loop $again
      (drop (call $call (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
      (br $again))
    (unreachable)))
