//! Waits for what the daemon tells as it happens, so that a watch sees it at once.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::client::error::Remedy;
use crate::client::{Client, event_stream};

/// How long a daemon that is away is let alone.
const PAUSE: Duration = Duration::from_secs(1);

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
        let pause = match client.events(&[("experiment", experiment)], last.as_deref()) {
            Ok(stream) => {
                // What came meanwhile, and that the daemon is there again, is worth a look.
                wake_up(wake);
                let _ = event_stream::read(stream, &mut last, |_| {
                    wake_up(wake);
                    io::Result::Ok(())
                });
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
