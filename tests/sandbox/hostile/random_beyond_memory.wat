;; Has random bytes written beyond its memory.
(module
  (import "edgefaas" "random" (func $random (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (call $random (i32.const 0x1fff8) (i32.const 9))
    (unreachable)))
