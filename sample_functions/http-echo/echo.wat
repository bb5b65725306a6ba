;; A wasi:http component, by hand: answers with the body of its request, chunk by chunk.
(component
  (import "wasi:io/error@0.2.3" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.3" (instance $streams
    (alias outer 1 $error (type $error))
    (export "error" (type $e (eq $error)))
    (export "input-stream" (type $input (sub resource)))
    (export "output-stream" (type $output (sub resource)))
    (type $failure' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $failure (eq $failure')))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $input)) (param "len" u64) (result (result (list u8) (error $failure)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output)) (param "contents" (list u8)) (result (result (error $failure)))))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:http/types@0.2.3" (instance $http
    (alias outer 1 $input (type $input'))
    (alias outer 1 $output (type $output'))
    (export "input-stream" (type $input (eq $input')))
    (export "output-stream" (type $output (eq $output')))
    (export "fields" (type $fields (sub resource)))
    (export "incoming-request" (type $request (sub resource)))
    (export "incoming-body" (type $incoming-body (sub resource)))
    (export "outgoing-response" (type $response (sub resource)))
    (export "outgoing-body" (type $outgoing-body (sub resource)))
    (export "response-outparam" (type $outparam (sub resource)))
    (type $code' (variant (case "loop-detected")))
    (export "error-code" (type $code (eq $code')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]incoming-request.consume"
      (func (param "self" (borrow $request)) (result (result (own $incoming-body)))))
    (export "[method]incoming-body.stream"
      (func (param "self" (borrow $incoming-body)) (result (result (own $input)))))
    (export "[constructor]outgoing-response" (func (param "headers" (own $fields)) (result (own $response))))
    (export "[method]outgoing-response.body"
      (func (param "self" (borrow $response)) (result (result (own $outgoing-body)))))
    (export "[method]outgoing-body.write"
      (func (param "self" (borrow $outgoing-body)) (result (result (own $output)))))
    (export "[static]outgoing-body.finish"
      (func (param "this" (own $outgoing-body)) (param "trailers" (option (own $fields)))
        (result (result (error $code)))))
    (export "[static]response-outparam.set"
      (func (param "param" (own $outparam)) (param "response" (result (own $response) (error $code)))))))
  (alias export $http "incoming-request" (type $request))
  (alias export $http "response-outparam" (type $outparam))

  (core module $libc
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      ;; One chunk is held at a time: the space is used again.
      (local.set $at (i32.const 1024))
      (if (i32.gt_u (local.get 3) (i32.const 200000)) (then (unreachable)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))

  (core func $fields (canon lower (func $http "[constructor]fields")))
  (core func $consume (canon lower (func $http "[method]incoming-request.consume") (memory $memory)))
  (core func $stream (canon lower (func $http "[method]incoming-body.stream") (memory $memory)))
  (core func $response (canon lower (func $http "[constructor]outgoing-response")))
  (core func $body (canon lower (func $http "[method]outgoing-response.body") (memory $memory)))
  (core func $write (canon lower (func $http "[method]outgoing-body.write") (memory $memory)))
  (core func $finish (canon lower (func $http "[static]outgoing-body.finish") (memory $memory)))
  (core func $set (canon lower (func $http "[static]response-outparam.set")))
  (core func $read
    (canon lower (func $streams "[method]input-stream.blocking-read") (memory $memory) (realloc $realloc)))
  (core func $flush
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $drop-output (canon resource.drop $output))

  (core module $main
    (import "host" "memory" (memory 4))
    (import "host" "fields" (func $fields (result i32)))
    (import "host" "consume" (func $consume (param i32 i32)))
    (import "host" "stream" (func $stream (param i32 i32)))
    (import "host" "response" (func $response (param i32) (result i32)))
    (import "host" "body" (func $body (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32)))
    (import "host" "finish" (func $finish (param i32 i32 i32 i32)))
    (import "host" "set" (func $set (param i32 i32 i32)))
    (import "host" "read" (func $read (param i32 i64 i32)))
    (import "host" "flush" (func $flush (param i32 i32 i32 i32)))
    (import "host" "drop-output" (func $drop-output (param i32)))
    (func (export "handle") (param $request i32) (param $outparam i32)
      (local $response i32) (local $body i32) (local $input i32) (local $output i32)
      (; BEFORE ;)
      (local.set $response (call $response (call $fields)))
      (call $body (local.get $response) (i32.const 16))
      (local.set $body (i32.load (i32.const 20)))
      (call $write (local.get $body) (i32.const 16))
      (local.set $output (i32.load (i32.const 20)))
      (call $consume (local.get $request) (i32.const 16))
      (call $stream (i32.load (i32.const 20)) (i32.const 16))
      (local.set $input (i32.load (i32.const 20)))
      (call $set (local.get $outparam) (i32.const 0) (local.get $response))
      (block $end
        (loop $next
          (call $read (local.get $input) (i64.const 65536) (i32.const 32))
          (br_if $end (i32.load8_u (i32.const 32)))
          (call $flush (local.get $output) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.const 48))
          (br $next)))
      (call $drop-output (local.get $output))
      (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 64))))
  (core instance $host
    (export "memory" (memory $memory)) (export "fields" (func $fields)) (export "consume" (func $consume))
    (export "stream" (func $stream)) (export "response" (func $response)) (export "body" (func $body))
    (export "write" (func $write)) (export "finish" (func $finish)) (export "set" (func $set))
    (export "read" (func $read)) (export "flush" (func $flush)) (export "drop-output" (func $drop-output)))
  (core instance $main (instantiate $main (with "host" (instance $host))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
    (canon lift (core func $main "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.3" (instance $handler)))
