//! Who should try to lead. It makes nothing safe: two who both believe to lead are told apart by the log.
//!
//! The lease is one value of a key-value bucket. Its holder writes it anew each second; whoever sees it unchanged for a while
//! may write its own name there, unless another was first.

use async_nats::jetstream::context::{CreateKeyValueErrorKind, PublishErrorKind};
use async_nats::jetstream::kv;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, StorageType, Stream};
use serde::{Deserialize, Serialize};

use crate::log_name::LogName;
use crate::servers::{ServerError, Servers};

/// The one key.
const KEY: &str = "leader";

/// Who holds the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Where it can be asked.
    pub address: String,
    /// The term that it leads in, or is about to.
    pub term: u64,
    /// The last entry that it knew to be agreed on when it wrote this.
    pub last: u64,
}

/// The lease as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFound {
    /// Rises with each writing, 0 before the first.
    pub revision: u64,
    /// None where nobody holds it.
    pub holder: Option<Holder>,
}

/// The lease of a log.
#[derive(Debug)]
pub struct Lease {
    servers: Servers,
    stream: Stream<()>,
    subject: String,
}

impl Servers {
    /// The lease of a log, which is made where there is none yet.
    ///
    /// # Errors
    /// Where the servers cannot.
    pub fn lease(&self, name: &LogName, replicas: usize) -> Result<Lease, ServerError> {
        let bucket = format!("tidegate_{name}");
        let config = kv::Config {
            bucket: bucket.clone(),
            description: "Which node of Tidegate leads".to_owned(),
            history: 1,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let stream = self.runtime.block_on(async {
            match self.context.create_key_value(config).await {
                Err(error) if error.kind() != CreateKeyValueErrorKind::BucketCreate => {
                    return Err(ServerError::refused("make the lease")(error));
                }
                // Where another made it otherwise it is as good.
                Ok(_) | Err(_) => {}
            }
            let stream = self.context.get_stream_no_info(format!("KV_{bucket}")).await;
            stream.map_err(ServerError::refused("name the lease"))
        })?;
        Ok(Lease { servers: self.clone(), stream, subject: format!("$KV.{bucket}.{KEY}") })
    }
}

impl Lease {
    /// Who holds it, as the leader of the bucket's stream has it.
    ///
    /// # Errors
    /// Where the servers give no answer.
    pub fn look(&self) -> Result<LeaseFound, ServerError> {
        let asked = self.stream.get_last_raw_message_by_subject(&self.subject);
        match self.servers.runtime.block_on(asked) {
            // One that was given up is empty.
            Ok(message) => Ok(LeaseFound {
                revision: message.sequence,
                holder: serde_json::from_slice(&message.payload).ok(),
            }),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Ok(LeaseFound { revision: 0, holder: None })
            }
            Err(error) => Err(ServerError::refused("tell of the lease")(error)),
        }
    }

    /// Writes it, where it is still at `revision`; gives its revision then, or none where another was first.
    ///
    /// # Errors
    /// Where the servers give no answer: it may be written or not.
    pub fn write(&self, holder: &Holder, revision: u64) -> Result<Option<u64>, ServerError> {
        // A value of texts and numbers is always JSON.
        self.publish(serde_json::to_vec(holder).unwrap_or_default(), revision)
    }

    /// Gives it up, so that nobody has to wait.
    ///
    /// # Errors
    /// Where the servers give no answer.
    pub fn give_up(&self, revision: u64) -> Result<(), ServerError> {
        self.publish(Vec::new(), revision).map(drop)
    }

    fn publish(&self, payload: Vec<u8>, revision: u64) -> Result<Option<u64>, ServerError> {
        let message = PublishMessage::build()
            .payload(payload.into())
            .expected_last_subject_sequence(revision);
        let written = self.servers.runtime.block_on(async {
            let sent = self.servers.context.send_publish(self.subject.clone(), message).await?;
            sent.await
        });
        match written {
            Ok(ack) => Ok(Some(ack.sequence)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(ServerError::refused("write the lease")(error)),
        }
    }
}
