;; Answers with how many bytes of its memory, grown by 40 pages, are not zero.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64) (local i32 i32)
    (local.set 2 (memory.grow (i32.const 40)))
    (local.set 2 (i32.const 0))
    (loop $again
      (local.set 3 (i32.add (local.get 3) (i32.ne (i32.load8_u (local.get 2)) (i32.const 0))))
      (local.set 2 (i32.add (local.get 2) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 2) (i32.mul (memory.size) (i32.const 65536)))))
    (i32.store (i32.const 0) (local.get 3))
    (i64.const 0x4)))
