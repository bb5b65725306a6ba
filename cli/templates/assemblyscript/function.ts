// An edge function in AssemblyScript.
//
// alloc gives room for the event, which comes as UTF-8 JSON; handle returns pointer << 32 | length of the result.
// Every request runs in a fresh instance, so nothing has to be freed.

export function alloc(length: usize): usize {
  return heap.alloc(length);
}

export function handle(event: usize, length: usize): u64 {
  const answer =
    '{"status":"200",' +
    '"headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}]},' +
    '"body":"Hello from {{name}}\\n"}';
  const result = String.UTF8.encode(answer);
  return ((changetype<usize>(result) as u64) << 32) | (result.byteLength as u64);
}
