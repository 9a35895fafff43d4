//! Waits for what the daemon tells as it happens, so that a watch sees it at once.

use std::io::{self, BufRead, Read as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::client::error::Remedy;

/// How long a daemon that is away is let alone.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest line that is read, in bytes; events are far shorter.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// Hears of an experiment on a thread of its own.
#[derive(Debug)]
pub(super) struct Following {
    woken: Receiver<()>,
}

impl Following {
    /// Begins to listen. A daemon that tells nothing, as one of before, is left alone.
    pub(super) fn begin(client: &Client, experiment: &str) -> Self {
        let (wake, woken) = sync_channel(1);
        let (client, experiment) = (client.clone(), experiment.to_owned());
        let listening = move || listen(&client, &experiment, &wake);
        // Without a thread a watch looks as often as it was told to, which is all that is lost.
        let _ = thread::Builder::new().name("events".to_owned()).spawn(listening);
        Self { woken }
    }

    /// Rests until something happens, or this time has passed.
    pub(super) fn rest(&self, patience: Duration) {
        match self.woken.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(patience),
        }
    }
}

fn listen(client: &Client, experiment: &str, wake: &SyncSender<()>) {
    let mut last = None;
    loop {
        let pause = match client.events(experiment, last.as_deref()) {
            Ok(stream) => {
                // What came meanwhile, and that the daemon is there again, is worth a look.
                wake_up(wake);
                let _ = read(stream, &mut last, || wake_up(wake));
                // And so is that it is gone.
                wake_up(wake);
                PAUSE
            }
            Err(error) if error.remedy() == Remedy::TryLater => {
                error.retry_after().unwrap_or(PAUSE)
            }
            Err(_) => return,
        };
        thread::sleep(pause);
    }
}

fn wake_up(wake: &SyncSender<()>) {
    // Whoever was woken and has not looked yet sees this too.
    let _ = wake.try_send(());
}

/// Reads server-sent events to their end, and keeps the id of the last.
fn read(
    mut stream: impl BufRead,
    last: &mut Option<String>,
    mut told: impl FnMut(),
) -> io::Result<()> {
    let (mut line, mut has_data) = (Vec::new(), false);
    loop {
        line.clear();
        let read = stream.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            if std::mem::take(&mut has_data) {
                told();
            }
        } else if let Some(id) = text.strip_prefix("id:") {
            *last = Some(id.trim().to_owned()).filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
        } else if text.starts_with("data:") {
            has_data = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_and_their_ids_kept_with_or_without_data() {
        let mut last = None;
        let mut told = 0;
        let text =
            "id: 4\nretry: 2000\n\n: \n\nid: 5\nevent: alarm\ndata: {}\n\nid: 9\r\n\r\ndata: cut";
        read(text.as_bytes(), &mut last, || told += 1).unwrap();
        assert_eq!((told, last.as_deref()), (1, Some("9")));
        read("id: a\u{1b}[2J\n\n".as_bytes(), &mut last, || told += 1).unwrap();
        assert_eq!((told, last), (1, None));
    }
}
