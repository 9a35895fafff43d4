//! What `tidegate serve` is told of the cluster that it is a node of.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tidegate_cluster::{LogName, ServerAddresses};
use tidegate_daemon::{ClusterSettings, OnShortfall};

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    #[arg(
        long,
        env = "TIDEGATE_CLUSTER",
        value_name = "URL,…",
        value_delimiter = ',',
        help = "NATS servers of a cluster to be a node of, such as nats://user:password@host:4222"
    )]
    cluster: Vec<String>,
    /// What the nodes' log is called [default: main]
    #[arg(long, env = "TIDEGATE_CLUSTER_NAME", value_name = "NAME", requires = "cluster")]
    cluster_name: Option<LogName>,
    /// The same servers for a user of their system account, who is told how they sync
    #[arg(
        long,
        env = "TIDEGATE_CLUSTER_SYSTEM",
        value_name = "URL,…",
        value_delimiter = ',',
        requires = "cluster"
    )]
    cluster_system: Vec<String>,
    /// The authority of the servers' certificates in PEM
    #[arg(long, env = "TIDEGATE_CLUSTER_CA", value_name = "FILE", requires = "cluster")]
    cluster_ca: Option<PathBuf>,
    /// Start although the servers promise less than durability needs: what is acknowledged may be lost
    #[arg(long, requires = "cluster")]
    accept_shortfalls: bool,
    #[arg(
        long,
        env = "TIDEGATE_ADVERTISE",
        value_name = "URL",
        requires = "cluster",
        help = "Where clients reach this node, such as https://a.example:4780 [default: where it listens]"
    )]
    advertise: Option<String>,
}

impl NodeArgs {
    pub(crate) fn cluster(
        self,
        listen: SocketAddr,
        scheme: Scheme,
    ) -> Result<Option<ClusterSettings>, Failure> {
        if self.cluster.is_empty() {
            return Ok(None);
        }
        let address = match self.advertise {
            Some(address) => address,
            None if listen.port() == 0 => {
                return Err(Failure::BadInput(
                    "--advertise is missing, needed: where clients reach this node, as --listen has port 0"
                        .to_owned(),
                ));
            }
            None => format!("{}://{listen}", scheme.as_str()),
        };
        let access = |servers| ServerAddresses { servers, ca: self.cluster_ca.clone() };
        let system = (!self.cluster_system.is_empty()).then(|| access(self.cluster_system.clone()));
        Ok(Some(ClusterSettings {
            access: access(self.cluster),
            system,
            name: self.cluster_name.unwrap_or_default(),
            address,
            shortfalls: if self.accept_shortfalls {
                OnShortfall::Accepted
            } else {
                OnShortfall::Refused
            },
        }))
    }
}

/// How a node is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
