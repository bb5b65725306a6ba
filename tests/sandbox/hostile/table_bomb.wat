;; Grows a table until that is refused, then gives up.
(module
  (memory (export "memory") 2)
  (table $t 1 funcref)
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "handle") (param i32 i32) (result i64)
    (loop $again
      (br_if $again (i32.ge_s (table.grow $t (ref.null func) (i32.const 1000)) (i32.const 0))))
    (unreachable)))
