//! An edge function in Zig: counts the header lines of a viewer request and answers with the number.
//!
//! Every request runs in a fresh instance, so memory is handed out upwards and never freed.

var heap: [256 * 1024]u8 align(16) = undefined;
var used: usize = 0;

export fn alloc(length: u32) ?[*]u8 {
    const size = (@as(usize, length) + 15) & ~@as(usize, 15);
    if (size > heap.len - used) return null;
    const start = heap[used..].ptr;
    used += size;
    return start;
}

fn occurrences(text: []const u8, wanted: []const u8) u32 {
    var found: u32 = 0;
    var at: usize = 0;
    while (at + wanted.len <= text.len) : (at += 1) {
        var same = true;
        for (wanted, 0..) |char, i| {
            if (text[at + i] != char) {
                same = false;
                break;
            }
        }
        if (same) found += 1;
    }
    return found;
}

const Writer = struct {
    out: [*]u8,
    length: u32 = 0,

    fn text(self: *Writer, part: []const u8) void {
        for (part) |char| {
            self.out[self.length] = char;
            self.length += 1;
        }
    }

    fn number(self: *Writer, value: u32) void {
        if (value >= 10) self.number(value / 10);
        self.out[self.length] = '0' + @as(u8, @intCast(value % 10));
        self.length += 1;
    }
};

export fn handle(event: [*]const u8, length: u32) u64 {
    const count = occurrences(event[0..length], "\"key\":");
    var writer = Writer{ .out = alloc(256).? };
    writer.text("{\"status\":\"200\",\"headers\":{\"x-header-count\":[{\"value\":\"");
    writer.number(count);
    writer.text("\"}]},\"body\":\"");
    writer.number(count);
    writer.text(" header lines\\n\"}");
    return @as(u64, @intFromPtr(writer.out)) << 32 | writer.length;
}
