//! A wasi:http component in Rust: it answers requests itself, its body streams. Every request gets a fresh instance.
//!
//! Whatever makes components of the world wasi:http/proxy@0.2 will do: Rust, JavaScript (jco), Python (componentize-py) ...

use std::io::Write;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Function;

impl wasi::exports::http::incoming_handler::Guest for Function {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        eprintln!("asked for {}", request.path_with_query().unwrap_or_default()); // edgefaas logs shows it

        let fields = Fields::from_list(&[("Content-Type".into(), b"text/plain".to_vec())]).unwrap();
        let response = OutgoingResponse::new(fields); // 200 unless set_status_code says otherwise
        let body = response.body().unwrap();
        ResponseOutparam::set(answer, Ok(response)); // the head leaves here

        let mut stream = body.write().unwrap();
        stream.write_all(b"Hello from {{name}}\n").unwrap();
        drop(stream);
        OutgoingBody::finish(body, None).unwrap(); // without this the viewer sees a broken body
    }
}

wasi::http::proxy::export!(Function);
