;; Leaves a secret all over its memory, grown by 40 pages.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (memory.grow (i32.const 40)))
    (memory.fill (i32.const 0) (i32.const 83) (i32.mul (memory.size) (i32.const 65536)))
    (i64.const 0x4)))
