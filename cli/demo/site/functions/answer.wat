;; An event function: ignores the event and answers with a constant.
;; alloc gives room for the event; handle returns where the answer is, as pointer << 32 | length.
(module
  (memory (export "memory") 2)
  (data (i32.const 1024)
    "{\"status\":\"200\",\"statusDescription\":\"OK\",\"headers\":{\"content-type\":[{\"key\":\"Content-Type\",\"value\":\"text/plain\"}]},\"body\":\"hello from a fresh WebAssembly sandbox\\n\"}")
  (func (export "alloc") (param $length i32) (result i32)
    (if (i32.gt_u (i32.add (local.get $length) (i32.const 4096)) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get $length) (i32.const 16)) (i32.const 1))))))
    (i32.const 4096))
  (func (export "handle") (param $event i32) (param $length i32) (result i64)
    (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 164))))
