//! A connection to NATS servers.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, ServerAddr};
use tokio::runtime::Runtime;

use crate::log_name::LogName;
use crate::stream_log::StreamLog;

/// How long one question to the servers waits for its answer.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Where the servers are, and who may ask them.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddresses {
    /// Addresses such as `nats://user:password@host:4222` or `tls://host:4222`, at least one.
    pub servers: Vec<String>,
    /// The authority that the servers' certificates are of, in PEM, besides those that the machine trusts.
    pub ca: Option<PathBuf>,
}

/// Without passwords.
impl fmt::Debug for ServerAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(|text| without_user(text).0).collect();
        f.debug_struct("ServerAddresses").field("servers", &servers).field("ca", &self.ca).finish()
    }
}

/// Why servers do not do what they are asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address that is none.
    #[error(
        "`{address}` is no address of a NATS server, allowed: such as nats://host:4222 or tls://host:4222"
    )]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// None can be reached.
    #[error("no NATS server can be reached: {0}")]
    Connect(#[source] async_nats::ConnectError),
    /// The system gives no threads.
    #[error("cannot start: {0}")]
    System(#[source] std::io::Error),
    /// They cannot do it, or not now.
    #[error("the NATS servers cannot {what}: {source}")]
    Refused {
        /// What was asked, such as `make the stream`.
        what: &'static str,
        /// What they said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ServerError {
    pub(crate) fn refused<E: Error + Send + Sync + 'static>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Refused { what, source: Box::new(source) }
    }
}

/// A connection to a cluster of NATS servers, which comes back by itself. Its calls wait, and belong on threads that may.
#[derive(Clone)]
pub struct Servers {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) client: Client,
    pub(crate) context: Context,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers")
            .field("state", &self.client.connection_state())
            .finish_non_exhaustive()
    }
}

impl Servers {
    /// Connects to whichever server answers first.
    ///
    /// # Errors
    /// [`ServerError`] where an address is none, and where no server answers.
    pub fn connect(addresses: &ServerAddresses) -> Result<Self, ServerError> {
        let (mut read, mut user) = (Vec::new(), None);
        for text in &addresses.servers {
            let (address, found) = without_user(text);
            user = user.or(found);
            let parsed = address.parse::<ServerAddr>();
            read.push(parsed.map_err(|source| ServerError::Address { address, source })?);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()
            .map_err(ServerError::System)?;
        let mut options = ConnectOptions::new()
            .name("tidegate")
            .connection_timeout(ANSWER_WITHIN)
            .request_timeout(Some(ANSWER_WITHIN))
            .reconnect_delay_callback(|_| Duration::from_millis(200));
        if let Some((user, password)) = user {
            options = options.user_and_password(user, password);
        }
        if let Some(ca) = &addresses.ca {
            options = options.add_root_certificates(ca.clone());
        }
        // What comes below begins tasks of its own.
        let entered = runtime.enter();
        let client = runtime.block_on(options.connect(read)).map_err(ServerError::Connect)?;
        let context = ContextBuilder::new()
            .timeout(ANSWER_WITHIN)
            .ack_timeout(ANSWER_WITHIN)
            .build(client.clone());
        drop(entered);
        Ok(Self { runtime: Arc::new(runtime), client, context })
    }

    /// Makes the stream of a log as durability needs it, on `replicas` servers, where there is none.
    ///
    /// # Errors
    /// Where the servers cannot.
    pub fn make_stream(&self, name: &LogName, replicas: usize) -> Result<(), ServerError> {
        let made = self.runtime.block_on(self.context.get_or_create_stream(config(name, replicas)));
        made.map(drop).map_err(ServerError::refused("make the stream"))
    }

    /// The log of that name; whether it is there shows when it is asked.
    ///
    /// # Errors
    /// Where the servers cannot.
    pub fn log(&self, name: &LogName) -> Result<StreamLog, ServerError> {
        let stream = self.runtime.block_on(self.context.get_stream_no_info(name.stream()));
        let stream = stream.map_err(ServerError::refused("name the stream"))?;
        Ok(StreamLog::new(self.clone(), stream, name.subject()))
    }
}

/// What the stream of a log must be.
fn config(name: &LogName, replicas: usize) -> Config {
    jetstream::stream::Config {
        name: name.stream(),
        description: Some("The journal of Tidegate: one message, one frame".to_owned()),
        subjects: vec![name.subject()],
        num_replicas: replicas,
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// An address without who asks there, and who that is.
fn without_user(address: &str) -> (String, Option<(String, String)>) {
    let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
    // A password may have an `@` of its own, a host may not.
    let Some((user, host)) = rest.rsplit_once('@') else { return (address.to_owned(), None) };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    (format!("{scheme}://{host}"), Some((user.to_owned(), password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_no_part_of_the_address() {
        let user = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (text, address, found) in [
            ("nats://a:4222", "nats://a:4222", None),
            ("nats://ann:p@ss:word@a:4222", "nats://a:4222", user("ann", "p@ss:word")),
            ("tls://ann@a", "tls://a", user("ann", "")),
            ("ann:secret@a:4222", "nats://a:4222", user("ann", "secret")),
        ] {
            assert_eq!(without_user(text), (address.to_owned(), found), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let servers = vec!["nats://ann:secret@a:4222".to_owned()];
        let shown = format!("{:?}", ServerAddresses { servers, ca: None });
        assert!(shown.contains("nats://a:4222") && !shown.contains("secret"), "{shown}");
    }
}
