//! A load of plain HTTP/1.1 over connections that stay open, and the bare server it is compared with.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;

/// A request as its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes())
    }

    pub(crate) fn new(method: &str, path: &str, kind: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        Self([head.as_bytes(), body.as_bytes()].concat())
    }
}

/// Sends `count` requests over `clients` connections, one after the other on each; every answer is a 2xx.
pub(crate) fn drive(
    address: &str,
    clients: usize,
    count: u64,
    request: &(dyn Fn(u64) -> Request + Sync),
) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let stream = TcpStream::connect(address).expect("a server");
                stream.set_nodelay(true).expect("a socket");
                let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
                let mut stream = stream;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    stream.write_all(&request(number).0).expect("a connection");
                    receive(&mut answers);
                }
            });
        }
    });
}

fn receive(answers: &mut BufReader<TcpStream>) {
    let (mut line, mut length) = (String::new(), 0);
    answers.read_line(&mut line).expect("an answer");
    let status = line.clone();
    loop {
        line.clear();
        answers.read_line(&mut line).expect("an answer");
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).expect("a whole answer");
    assert!(status.contains(" 20"), "{status}{}", String::from_utf8_lossy(&body));
}

/// Serves one constant answer of the size of an assignment until it is killed.
#[expect(clippy::print_stderr, reason = "says where it listens, as the daemon does")]
pub(crate) fn bare_server() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        eprintln!("http://{}\nready", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let answer = service_fn(|_| async {
                    let body = Full::new(Bytes::from_static(&[b'x'; 180]));
                    Ok::<_, Infallible>(Response::new(body))
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
}
