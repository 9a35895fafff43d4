//! A daemon that answers what a test told it to, and remembers what it was asked.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Listens on loopback until the test ends.
#[derive(Debug)]
pub struct FakeDaemon {
    address: SocketAddr,
    asked: Receiver<Asked>,
}

/// What the daemon was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Method and path with the query, such as `GET /v1/experiments`.
    pub line: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

/// What the daemon does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers.
    Answer {
        /// The status.
        status: u16,
        /// More headers, each a whole line.
        headers: Vec<String>,
        /// JSON, mostly.
        body: String,
    },
    /// Writes this much of an HTTP answer and closes the connection, as one that is killed does.
    Cut(&'static str),
    /// Says nothing and keeps the connection open.
    Silence,
    /// Closes the connection without a word.
    HangUp,
}

impl Reply {
    /// Status 200 with a body.
    #[expect(clippy::needless_pass_by_value, reason = "tests hand in what they have just made")]
    pub fn ok(body: impl ToString) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    /// Problem details.
    pub fn problem(status: u16, code: &str, detail: &str) -> Self {
        let body = format!(
            r#"{{"type":"urn:tidegate:problem:{code}","title":"t","status":{status},"detail":"{detail}","code":"{code}"}}"#
        );
        Self::Answer { status, headers: Vec::new(), body }
    }

    /// The same with one more header line.
    #[must_use]
    pub fn with_header(self, line: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push(line.to_owned());
                Self::Answer { status, headers, body }
            }
            Self::Cut(_) | Self::Silence | Self::HangUp => self,
        }
    }
}

impl Asked {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl FakeDaemon {
    /// Answers one request with each reply, and all after them with status 500.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let beyond = Reply::problem(500, "internal", "the test foresaw no further request");
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), replies, beyond)
    }

    /// The same at an address of one that is gone, with all further requests answered by `beyond`.
    ///
    /// # Panics
    /// Where it cannot be listened on.
    pub fn at(
        address: SocketAddr,
        replies: impl IntoIterator<Item = Reply>,
        beyond: Reply,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let replies: VecDeque<Reply> = replies.into_iter().collect();
        let (told, asked) = channel();
        thread::spawn(move || serve(&listener, (replies, beyond), &told));
        Self { address, asked }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, for `--server`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, waited for.
    ///
    /// # Panics
    /// Where the daemon is gone.
    pub fn next(&self) -> Asked {
        self.asked.recv().expect("the daemon listens until the test ends")
    }

    /// The next request, if it comes within this time.
    pub fn next_within(&self, patience: std::time::Duration) -> Option<Asked> {
        self.asked.recv_timeout(patience).ok()
    }

    /// Every request since the last look, once whoever asked has ended.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.try_iter().collect()
    }
}

fn serve(
    listener: &TcpListener,
    (mut replies, beyond): (VecDeque<Reply>, Reply),
    told: &Sender<Asked>,
) {
    let mut kept_open = Vec::new();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let Ok(asked) = read(&stream) else { continue };
        if asked.line.starts_with("GET /v1/events") {
            // As a daemon of before, which tells nothing.
            let _ = stream
                .write_all(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            continue;
        }
        if told.send(asked).is_err() {
            return;
        }
        match replies.pop_front().unwrap_or_else(|| beyond.clone()) {
            Reply::HangUp => {}
            Reply::Cut(beginning) => {
                let _ = stream.write_all(beginning.as_bytes());
            }
            Reply::Silence => kept_open.push(stream),
            Reply::Answer { status, headers, body } => {
                let more: String =
                    headers.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
                );
                // Whoever asked may be gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    }
}

fn read(stream: &TcpStream) -> io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { line, headers, body: String::new() };
    if asked.header("transfer-encoding").is_some() {
        return Err(io::Error::other("a body of unknown length"));
    }
    let length = asked.header("content-length").and_then(|length| length.parse().ok());
    reader.take(length.unwrap_or(0)).read_to_string(&mut asked.body)?;
    Ok(asked)
}
