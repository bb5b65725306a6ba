//! A CGI program in Rust, with nothing but the standard library.

use std::env;
use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    let mut out = io::stdout().lock();
    write!(out, "Content-Type: text/plain\r\nX-Made-By: Rust\r\n\r\n")?;
    writeln!(out, "{} {}", variable("REQUEST_METHOD"), variable("REQUEST_URI"))?;
    writeln!(out, "from {} with {} bytes", variable("REMOTE_ADDR"), body.len())
}
