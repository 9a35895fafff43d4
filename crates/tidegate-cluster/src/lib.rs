//! The log that several nodes agree on: a stream of NATS `JetStream`, one message for each frame of the journal.
//!
//! [`Servers`] is a connection to a cluster of NATS servers. [`Servers::log`] is the stream as a
//! [`Log`](tidegate_journal::log::Log), and [`Servers::shortfalls`] says what of the stream's and the servers'
//! settings is less than durability needs.
//!
//! What makes it safe is in each message: the sequence that the stream must be at before it, the term, and the chain of
//! checksums. Nothing here relies on a clock, or on who believes to lead.

mod lease;
mod log_name;
mod servers;
mod settings;
mod stream_log;

pub use lease::{Holder, Lease, LeaseFound};
pub use log_name::{InvalidLogName, LogName};
pub use servers::{ServerAddresses, ServerError, Servers};
pub use settings::{Shortfall, VERSION_MIN};
pub use stream_log::StreamLog;
