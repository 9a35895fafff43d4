//! What durability needs of the stream and of the servers, and what they are.
//!
//! By default a NATS server acknowledges a message before it is on its disk, and two minutes may pass until it is: three that lose
//! power at once lose what they acknowledged. Only `sync_interval: always` on each of them ends that.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::stream::{
    DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType,
};
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::log_name::LogName;
use crate::servers::{ANSWER_WITHIN, ServerError, Servers};

/// The oldest version of the server that was tested. Older ones are known to lose what they acknowledged.
pub const VERSION_MIN: [u32; 2] = [2, 15];
/// Servers that must have each message.
const REPLICAS_MIN: usize = 3;
/// The longest message: a frame with its headers.
const PAYLOAD_MIN: usize = 1024 * 1024 + 1024;
/// Every server is asked at once, and answers or not.
const JETSTREAM_OF_ALL: &str = "$SYS.REQ.SERVER.PING.JSZ";

/// What is less than durability needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// A setting of the stream.
    #[error("the stream's {setting} is {value}, needed: {needed}")]
    Stream {
        /// Its name in NATS.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        needed: &'static str,
    },
    /// Messages that were in the stream are not.
    #[error("{count} messages of the stream were removed, needed: all of them")]
    Removed {
        /// How many.
        count: u64,
    },
    /// A server takes no message as long as the longest frame.
    #[error("max_payload is {bytes} bytes, needed: at least {PAYLOAD_MIN}")]
    Payload {
        /// What it takes.
        bytes: usize,
    },
    /// A server acknowledges what is not on its disk.
    #[error(
        "server `{server}` does not sync before it acknowledges, needed: sync_interval: always"
    )]
    NotSynced {
        /// Its name.
        server: String,
    },
    /// A server of a version that was not tested.
    #[error("server `{server}` is of version {version}, needed: {}.{} or later", VERSION_MIN[0], VERSION_MIN[1])]
    Version {
        /// Its name.
        server: String,
        /// Its version.
        version: String,
    },
    /// Nobody says how a server is set.
    #[error(
        "server `{server}` does not tell its settings, needed: an answer from it in the system account"
    )]
    Untold {
        /// Its name.
        server: String,
    },
}

/// What a server tells of itself in the system account.
#[derive(Debug, Deserialize)]
struct Told {
    server: ToldServer,
    #[serde(default)]
    data: ToldJetStream,
}

#[derive(Debug, Deserialize)]
struct ToldServer {
    name: String,
    #[serde(default, rename = "ver")]
    version: String,
}

#[derive(Debug, Default, Deserialize)]
struct ToldJetStream {
    #[serde(default)]
    config: ToldConfig,
}

#[derive(Debug, Default, Deserialize)]
struct ToldConfig {
    #[serde(default)]
    sync_always: bool,
}

impl Servers {
    /// What of a log's stream, and of the servers that have it, is less than durability needs. Servers tell how they sync in
    /// the system account alone, so `system` is a connection of a user of it.
    ///
    /// # Errors
    /// Where the servers give no answer.
    pub fn shortfalls(
        &self,
        name: &LogName,
        system: Option<&Self>,
    ) -> Result<Vec<Shortfall>, ServerError> {
        let info = self.runtime.block_on(async {
            let stream = self.context.get_stream(name.stream()).await;
            stream.map(|stream| stream.cached_info().clone())
        });
        let info = info.map_err(ServerError::refused("tell of the stream"))?;
        let mut shortfalls = of_stream(&info);
        let connected = self.client.server_info();
        if connected.max_payload < PAYLOAD_MIN {
            shortfalls.push(Shortfall::Payload { bytes: connected.max_payload });
        }
        let mut servers: BTreeSet<String> = BTreeSet::new();
        match &info.cluster {
            Some(cluster) => {
                servers.extend(cluster.leader.clone());
                servers.extend(cluster.replicas.iter().map(|peer| peer.name.clone()));
            }
            None => servers.extend([connected.server_name]),
        }
        let told = match system {
            Some(system) => system.told_by(&servers)?,
            None => Vec::new(),
        };
        shortfalls.extend(servers.into_iter().flat_map(|server| of_server(server, &told)));
        Ok(shortfalls)
    }

    /// What servers tell of themselves, as far as they answer.
    fn told_by(&self, servers: &BTreeSet<String>) -> Result<Vec<Told>, ServerError> {
        self.runtime.block_on(async {
            let inbox = self.client.new_inbox();
            let answers = self.client.subscribe(inbox.clone()).await;
            let mut answers = answers.map_err(ServerError::refused("be asked"))?;
            let asked = self.client.publish_with_reply(JETSTREAM_OF_ALL, inbox, "".into()).await;
            asked.map_err(ServerError::refused("be asked"))?;
            let mut told: Vec<Told> = Vec::new();
            let all = async {
                while let Some(answer) = answers.next().await {
                    told.extend(serde_json::from_slice::<Told>(&answer.payload));
                    if servers.iter().all(|name| told.iter().any(|told| told.server.name == *name))
                    {
                        break;
                    }
                }
            };
            // Who has not answered by then is said to have told nothing.
            let _ = tokio::time::timeout(ANSWER_WITHIN, all).await;
            Ok(told)
        })
    }
}

fn of_server(server: String, told: &[Told]) -> Vec<Shortfall> {
    let Some(told) = told.iter().find(|told| told.server.name == server) else {
        return vec![Shortfall::Untold { server }];
    };
    let mut shortfalls = Vec::new();
    if !told.data.config.sync_always {
        shortfalls.push(Shortfall::NotSynced { server: server.clone() });
    }
    let version = &told.server.version;
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    if [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)] < VERSION_MIN {
        shortfalls.push(Shortfall::Version { server, version: version.clone() });
    }
    shortfalls
}

fn of_stream(info: &Info) -> Vec<Shortfall> {
    let config = &info.config;
    let mut shortfalls = Vec::new();
    let mut ask = |is_met: bool, setting, value: String, needed| {
        if !is_met {
            shortfalls.push(Shortfall::Stream { setting, value, needed });
        }
    };
    let replicas = config.num_replicas;
    ask(replicas >= REPLICAS_MIN, "num_replicas", replicas.to_string(), "at least 3");
    let storage = config.storage;
    ask(storage == StorageType::File, "storage", format!("{storage:?}").to_lowercase(), "file");
    let retention = config.retention;
    let is_by_limits = retention == RetentionPolicy::Limits;
    ask(is_by_limits, "retention", format!("{retention:?}").to_lowercase(), "limits");
    let discard = config.discard;
    let is_new = discard == DiscardPolicy::New;
    ask(is_new, "discard", format!("{discard:?}").to_lowercase(), "new");
    let is_async = config.persist_mode == Some(PersistenceMode::Async);
    ask(!is_async, "persist_mode", "async".to_owned(), "default");
    let age = config.max_age;
    ask(age == Duration::ZERO, "max_age", format!("{} s", age.as_secs()), "none");
    for (setting, bound) in [
        ("max_msgs", config.max_messages),
        ("max_bytes", config.max_bytes),
        ("max_msgs_per_subject", config.max_messages_per_subject),
        ("max_msg_size", i64::from(config.max_message_size)),
    ] {
        ask(bound <= 0, setting, bound.to_string(), "none");
    }
    for (setting, is_set, needed) in [
        ("deny_delete", config.deny_delete, true),
        ("deny_purge", config.deny_purge, true),
        ("no_ack", config.no_ack, false),
        ("sealed", config.sealed, false),
        ("allow_rollup_hdrs", config.allow_rollup, false),
        ("allow_msg_ttl", config.allow_message_ttl, false),
    ] {
        ask(is_set == needed, setting, is_set.to_string(), if needed { "true" } else { "false" });
    }
    if let Some(count) = info.state.deleted_count.filter(|count| *count > 0) {
        shortfalls.push(Shortfall::Removed { count });
    }
    shortfalls
}
