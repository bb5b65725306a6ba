;; Grows its memory and fills it, again and again.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (loop $again
      (drop (memory.grow (i32.const 16)))
      (memory.fill (i32.const 0) (i32.const 255) (i32.mul (memory.size) (i32.const 65536)))
      (br $again))
    (unreachable)))
