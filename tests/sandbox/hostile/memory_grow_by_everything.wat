;; Asks for 4 GiB at once; told no, it answers.
(module
  (memory (export "memory") 2)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (memory.grow (i32.const 65535)))
    (i64.const 0x4)))
