//! What these tests share: connections to servers, and frames to append.

use std::path::Path;
use std::thread;
use std::time::Duration;

use system_tests::nats::Nats;
use tidegate_cluster::{LogName, ServerAddresses, Servers, StreamLog};
use tidegate_engine::event::Event;
use tidegate_engine::time::Timestamp;
use tidegate_journal::log::{Appended, Log, LogError, SealedFrame, Tip};
use tidegate_journal::{Batch, Entry, Journal, RolloutId, WriteError, verify};

/// How long to wait before what takes a while is tried again.
const POLL: Duration = Duration::from_millis(100);
/// How often it is tried; a question may take two seconds itself.
const TRIES: usize = 100;

/// Tries until it is there.
pub(crate) fn in_time<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..TRIES {
        match attempt() {
            Ok(value) => return value,
            Err(error) => last = error,
        }
        thread::sleep(POLL);
    }
    panic!("{what}: {last}");
}

pub(crate) fn connect(servers: Vec<String>) -> Servers {
    let access = ServerAddresses { servers, ca: None };
    in_time("connecting", || Servers::connect(&access).map_err(|error| error.to_string()))
}

/// A connection to servers that have a stream of that name.
pub(crate) fn with_stream(nats: &Nats, name: &LogName, replicas: usize) -> Servers {
    let servers = connect(nats.addresses());
    in_time("making the stream", || {
        servers.make_stream(name, replicas).map_err(|error| error.to_string())
    });
    servers
}

/// A log of servers of its own, as another node has it.
pub(crate) fn log_of(nats: &Nats, name: &LogName) -> StreamLog {
    connect(nats.addresses()).log(name).unwrap()
}

pub(crate) fn open(folder: &Path) -> Journal {
    Journal::open(folder, verify::in_process).unwrap().0
}

/// Appends one entry.
pub(crate) fn append(journal: &Journal, ms: i64) -> Result<u64, WriteError> {
    let at = Timestamp::from_ms(1_767_225_600_000 + ms).unwrap();
    let mut batch = Batch::default();
    batch.push(&[Entry::Event { rollout: RolloutId(1), at, event: Event::Tick }]).unwrap();
    journal.append_and_wait(batch)
}

/// Frames of one entry each, from entry 1 on; those of another `seed` have other bytes.
pub(crate) fn frames(count: i64, seed: i64) -> Vec<SealedFrame> {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for n in 0..count {
        append(&journal, seed * 1_000 + n).unwrap();
    }
    journal.log().read(1).unwrap()
}

/// All that a log has from an entry on, which comes in parts.
pub(crate) fn read_all(log: &mut dyn Log, mut from: u64) -> Result<Vec<SealedFrame>, LogError> {
    let mut all: Vec<SealedFrame> = Vec::new();
    loop {
        let frames = log.read(from)?;
        let Some(newest) = frames.last() else { return Ok(all) };
        from = newest.tip().last + 1;
        all.extend(frames);
    }
}

/// Asks until the server answers, with what it has.
pub(crate) fn read_in_time(log: &mut StreamLog, from: u64) -> Result<Vec<SealedFrame>, String> {
    in_time("an answer", || match read_all(log, from) {
        Err(LogError::Unavailable(error)) => Err(error.to_string()),
        Err(error @ (LogError::Gone { .. } | LogError::Damaged { .. })) => {
            Ok(Err(error.to_string()))
        }
        Ok(frames) => Ok(Ok(frames)),
    })
}

/// Takes in what a log has that a journal has not.
pub(crate) fn catch_up(journal: &Journal, log: &mut StreamLog) -> Tip {
    let mut local = journal.log();
    loop {
        let tip = local.tip().unwrap();
        let frames = log.read(tip.last + 1).unwrap();
        if frames.is_empty() {
            return tip;
        }
        let taken = local.append(tip, &frames);
        assert_eq!(taken, Appended::Agreed);
    }
}
