//! An edge function in Zig.
//!
//! `alloc` gives room for the event, which comes as UTF-8 JSON; `handle` returns pointer << 32 | length of the result.
//! Every request runs in a fresh instance, so memory is handed out upwards and never freed.

var heap: [1024 * 1024]u8 align(16) = undefined;
var used: usize = 0;

export fn alloc(length: u32) ?[*]u8 {
    const size = (@as(usize, length) + 15) & ~@as(usize, 15);
    if (size > heap.len - used) return null;
    const start = heap[used..].ptr;
    used += size;
    return start;
}

const answer =
    \\{"status":"200",
    \\ "headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}]},
    \\ "body":"Hello from {{name}}\n"}
;

export fn handle(event: [*]const u8, length: u32) u64 {
    _ = event[0..length];
    return @as(u64, @intFromPtr(answer)) << 32 | answer.len;
}
