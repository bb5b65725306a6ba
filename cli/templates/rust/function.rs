//! An edge function in Rust, without a crate.
//!
//! `alloc` gives room for the event, which comes as UTF-8 JSON; `handle` returns pointer << 32 | length of the result.
//! Every request runs in a fresh instance, so nothing has to be freed.

#[no_mangle]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    let mut room = Vec::<u8>::with_capacity(length.max(1));
    let start = room.as_mut_ptr();
    std::mem::forget(room);
    start
}

fn answer(_event: &str) -> String {
    r#"{"status":"200",
        "headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}]},
        "body":"Hello from {{name}}\n"}"#
        .to_string()
}

/// # Safety
/// The host calls it with what it has written into memory that `alloc` gave.
#[no_mangle]
pub unsafe extern "C" fn handle(event: *const u8, length: usize) -> u64 {
    let event = std::str::from_utf8_unchecked(std::slice::from_raw_parts(event, length));
    let result = answer(event).into_bytes().leak();
    (result.as_ptr() as u64) << 32 | result.len() as u64
}
