//! A client of server-sent events that shows every line of what comes.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::io::{BufRead as _, BufReader, Read as _};

use serde_json::Value;
use ureq::{Agent, BodyReader};

use crate::daemon::PATIENCE;

/// An open stream.
#[expect(missing_debug_implementations, reason = "what it reads from has none")]
pub struct Stream {
    lines: BufReader<BodyReader<'static>>,
    /// As the specification has it: kept from block to block.
    last_id: Option<String>,
}

/// What comes between two empty lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The `id`.
    pub id: Option<String>,
    /// The `event`.
    pub event: Option<String>,
    /// The lines of `data`.
    pub data: Vec<String>,
    /// The `retry`.
    pub retry: Option<String>,
    /// Comments.
    pub comments: usize,
}

/// An event that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Its id.
    pub id: u64,
    /// Its type.
    pub kind: String,
    /// Its data.
    pub data: Value,
}

impl Stream {
    /// Opens `path` with more headers.
    ///
    /// # Errors
    /// The status and the body of an answer that is no stream; 0 where there is no answer.
    pub fn try_open(
        address: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, Value)> {
        let config = Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent: Agent = config.timeout_global(Some(PATIENCE)).build().into();
        let mut request = agent.get(format!("{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().map_err(|_| (0, Value::Null))?;
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").cloned();
        let mut body = response.into_body().into_reader();
        if status != 200 {
            let mut text = String::new();
            let _ = body.read_to_string(&mut text);
            return Err((status, serde_json::from_str(&text).unwrap_or_default()));
        }
        assert_eq!(kind.expect("a type"), "text/event-stream");
        Ok(Self { lines: BufReader::new(body), last_id: None })
    }

    /// Opens `path` from now on, and waits until it is open.
    pub fn open(address: &str, path: &str) -> Self {
        let mut stream = Self::try_open(address, path, &[]).expect("a stream");
        let begin = stream.block().expect("a beginning");
        assert!(begin.id.is_some() && begin.retry.is_some() && begin.data.is_empty(), "{begin:?}");
        stream
    }

    /// Opens `path` after an event.
    pub fn after(address: &str, path: &str, id: u64) -> Self {
        let id = id.to_string();
        Self::try_open(address, path, &[("last-event-id", &id)]).expect("a stream")
    }

    /// The next block; none where the stream ended, or was cut off.
    pub fn block(&mut self) -> Option<Block> {
        let mut block = Block::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 || !line.ends_with('\n') {
                return None;
            }
            let line = line.trim_end_matches('\n');
            if line.is_empty() {
                self.last_id = block.id.clone().or(self.last_id.take());
                return Some(block);
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "" => block.comments += 1,
                "id" => block.id = Some(value),
                "event" => block.event = Some(value),
                "data" => block.data.push(value),
                "retry" => block.retry = Some(value),
                other => panic!("a field `{other}`"),
            }
        }
    }

    /// The next event; none where the stream ended, or was cut off.
    pub fn next_event(&mut self) -> Option<Sent> {
        loop {
            let block = self.block()?;
            if block.data.is_empty() {
                continue;
            }
            let [data] = &block.data[..] else { panic!("more than one line: {block:?}") };
            let data: Value = serde_json::from_str(data).expect("JSON");
            let (id, kind) = (block.id.expect("an id"), block.event.expect("a type"));
            assert_eq!((&data["id"], &data["type"]), (&id.as_str().into(), &kind.as_str().into()));
            return Some(Sent { id: id.parse().expect("a number"), kind, data });
        }
    }

    /// The next events, as many.
    pub fn events(&mut self, number: usize) -> Vec<Sent> {
        (0..number).map(|_| self.next_event().expect("an event")).collect()
    }

    /// Events until the stream ends, or is cut off.
    pub fn rest(&mut self) -> Vec<Sent> {
        std::iter::from_fn(|| self.next_event()).collect()
    }

    /// Where the stream is to be resumed.
    pub fn last_id(&self) -> Option<u64> {
        self.last_id.as_ref().map(|id| id.parse().expect("a number"))
    }
}
