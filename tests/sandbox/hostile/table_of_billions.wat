;; Asks for a table of 4 billion elements at once; told no, it answers.
(module
  (memory (export "memory") 2)
  (table $t 1 funcref)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (drop (table.grow $t (ref.null func) (i32.const -1)))
    (i64.const 0x4)))
