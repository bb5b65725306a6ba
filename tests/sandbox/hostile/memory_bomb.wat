;; Grows its memory until that is refused, then gives up.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (loop $again
      (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
    (unreachable)))
