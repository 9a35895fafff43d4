//! A client that sends exactly the bytes it is told to, however wrong they are.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::daemon::PATIENCE;

/// A connection to a daemon.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer with its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in small letters, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A request, well-formed unless a part of it is not.
#[derive(Debug, Clone)]
pub struct Request {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body, to the host `localhost`.
    pub fn new(method: &str, path: &str) -> Self {
        let line = format!("{method} {path} HTTP/1.1");
        Self { line, headers: vec!["host: localhost".to_owned()], body: Vec::new() }
    }

    /// With another header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    /// To another host, or, with `None`, to none.
    #[must_use]
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.headers.retain(|line| !line.starts_with("host:"));
        self.headers.extend(host.map(|host| format!("host: {host}")));
        self
    }

    /// With a body of a content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = format!("content-length: {}", self.body.len());
        self.headers.extend([format!("content-type: {content_type}"), length]);
        self
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let head = self.headers.iter().fold(self.line.clone(), |head, line| head + "\r\n" + line);
        [head.as_bytes(), b"\r\n\r\n", &self.body].concat()
    }

    /// Sends it on a connection of its own and reads the answer.
    pub fn send(&self, address: &str) -> Answer {
        let mut connection = Connection::open(address);
        connection.write(&self.bytes());
        let method = self.line.split(' ').next();
        let body = if method == Some("HEAD") { ExpectBody::No } else { ExpectBody::Yes };
        connection.read(body).expect("an answer").expect("an answer before the end")
    }
}

/// Whether an answer may have a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectBody {
    /// As its headers say.
    Yes,
    /// Whatever its headers say, as to `HEAD`.
    No,
}

impl Connection {
    /// Connects to an address such as `http://127.0.0.1:41234`.
    pub fn open(address: &str) -> Self {
        let (_, authority) = address.split_once("://").expect("an address has a scheme");
        let stream = TcpStream::connect(authority).expect("the daemon listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Waits for an answer no longer than this.
    pub fn patience(&mut self, patience: std::time::Duration) {
        self.stream.get_mut().set_read_timeout(Some(patience)).expect("a socket");
    }

    /// Whether nothing has come so far.
    pub fn is_silent(&mut self) -> bool {
        let stream = self.stream.get_mut();
        stream.set_nonblocking(true).expect("a socket");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("a socket");
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends bytes. The daemon may have closed the connection already, which shows when it is read.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub fn end(&mut self) {
        let _ = self.stream.get_mut().shutdown(std::net::Shutdown::Write);
    }

    /// Reads one answer; none where the daemon closed the connection.
    ///
    /// # Errors
    /// Where nothing comes in time, or what comes is no answer.
    pub fn read(&mut self, body: ExpectBody) -> io::Result<Option<Answer>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if body == ExpectBody::Yes {
            assert_eq!(answer.header("transfer-encoding"), None, "answers have a length");
            let length = answer.header("content-length").and_then(|length| length.parse().ok());
            let length = length.unwrap_or(0);
            (&mut self.stream).take(length).read_to_end(&mut answer.body)?;
            if answer.body.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(answer))
    }

    /// Everything that still comes until the daemon closes the connection.
    ///
    /// # Errors
    /// Where it does not in time.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            // A connection that is closed with bytes unread is reset, which ends it too.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            Ok(_) | Err(_) => Ok(rest),
        }
    }
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The status and the `code` of the problem that it tells of.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}
