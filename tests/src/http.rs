//! A small HTTP server for stand-ins of services.
//!
//! Every connection is served at once, however many there are: programs keep
//! several open, and ask on one while another waits.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// A request with all of its body.
pub type Request = hyper::Request<Bytes>;

/// An answer with all of its body.
pub type Response = hyper::Response<Full<Bytes>>;

/// Serves on a port of the loopback interface until the process ends; the port.
pub fn serve(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let answer = Arc::new(answer);
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| {
                    let answer = Arc::clone(&answer);
                    async move { with_body(request, |request| answer(request)).await }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that hangs up is its own affair.
                tokio::spawn(connection);
            }
            #[expect(unreachable_code, reason = "it says what type the errors have")]
            anyhow::Ok(())
        })
    });
    Ok(port)
}

/// Answers a request once all of its body is there.
///
/// # Errors
/// Its client hangs up.
pub async fn with_body(
    request: hyper::Request<Incoming>,
    answer: impl FnOnce(&Request) -> Response,
) -> Result<Response, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(answer(&Request::from_parts(head, body)))
}

/// An answer of a type of content.
///
/// # Errors
/// The status or the type is none.
pub fn response(status: u16, kind: &str, body: impl Into<Bytes>) -> Result<Response> {
    let builder = hyper::Response::builder().status(status);
    Ok(builder
        .header("content-type", kind)
        .body(Full::new(body.into()))?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    /// As a program does that keeps what it opened: none of them ends before
    /// all are answered.
    #[test]
    fn connections_opened_at_once_do_not_wait_for_each_other() {
        let port = serve(|_| response(200, "text/plain", "").unwrap()).unwrap();
        let open = || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let limit = Some(Duration::from_secs(20));
            stream.set_read_timeout(limit).unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            stream
        };
        let streams: Vec<_> = (0..64).map(|_| open()).collect();
        for stream in &streams {
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            assert_eq!(line, "HTTP/1.1 200 OK\r\n");
        }
    }
}
