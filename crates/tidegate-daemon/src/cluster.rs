//! A node of several: one thread that follows the log that all agree on, and leads where nobody does.
//!
//! It asks the servers and tells the driver; the driver alone has the journal and the engine.

mod member;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use tidegate_cluster::{LogName, ServerAddresses};

use crate::driver::DriverCommand;
use crate::shared::Shared;
use member::Member;

/// What a node of several is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Where the servers are.
    pub access: ServerAddresses,
    /// The same for a user of the system account, who can be told how the servers sync.
    pub system: Option<ServerAddresses>,
    /// What the nodes' log is called.
    pub name: LogName,
    /// Where clients and other nodes reach this node.
    pub address: String,
    /// What to do where the stream or the servers promise less than durability needs.
    pub shortfalls: OnShortfall,
}

/// What to do where the stream or the servers promise less than durability needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnShortfall {
    /// Do not start.
    Refused,
    /// Start all the same: what is acknowledged may be lost.
    Accepted,
}

/// The thread, until it is told to end.
pub(crate) struct NodeThread {
    thread: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

impl NodeThread {
    pub(crate) fn begin(
        cluster: ClusterSettings,
        shared: Arc<Shared>,
        commands: SyncSender<DriverCommand>,
    ) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let member = Member::new(cluster, shared, commands, ended.clone());
        let thread = thread::Builder::new().name("cluster".to_owned());
        Ok(Self { thread: thread.spawn(move || member.run())?, ended })
    }

    /// Lets others lead, and waits for it.
    pub(crate) fn end(self) {
        self.ended.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A thread that panicked has logged it.
        let _ = self.thread.join();
    }
}
