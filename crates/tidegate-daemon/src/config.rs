//! What the daemon is told at its start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tidegate_spec::{ParseError, document};

use crate::webhooks::hook::Webhook;

pub use crate::settings::{Export, MetricNames, Verifier};

/// Where to listen, of a text such as `127.0.0.1:4780` or `localhost:4780`.
///
/// # Errors
/// What is wrong with it and what is allowed.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let address = match text.split_once(':') {
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    address.parse().map_err(|_| {
        "is no address with a port, allowed: such as 127.0.0.1:4780, localhost:4780, [::1]:4780 or 0.0.0.0:4780"
            .to_owned()
    })
}

/// Where the daemon listens unless told otherwise.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4_780);
/// Where the journal is unless told otherwise.
pub const DATA_DEFAULT: &str = "tidegate-data";

/// How long entries are kept unless told otherwise: as long as feedback finds its analysis.
pub const RETENTION_HOURS_DEFAULT: u64 = 168;

/// What tells the daemon the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The machine's clock.
    System,
    /// `POST /v1/time`, for demonstrations and tests.
    Driven,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What fails.
    Error,
    /// And what may be wrong, rollbacks among it.
    Warn,
    /// And what is decided and done.
    Info,
    /// And every request.
    Debug,
}

impl LogLevel {
    /// Every level with its name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

/// Everything the daemon is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the journal.
    pub data: PathBuf,
    /// Where to listen; port 0 takes any.
    pub listen: SocketAddr,
    /// Certificate chain and key in PEM.
    pub tls: Option<TlsFiles>,
    /// The file of tokens.
    pub tokens: Option<PathBuf>,
    /// Names that requests may call this daemon by, besides loopback's and the address it listens on.
    pub allowed_hosts: Vec<String>,
    /// Connections at once.
    pub connections_max: usize,
    /// Streams of events at once, beside the connections.
    pub event_streams_max: usize,
    /// Disk that is left free, in MB.
    pub disk_reserve_mb: u64,
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// How long entries are kept; decisions are kept for ever.
    pub retention: Duration,
    /// Where and how often the journal is exported while it is in use.
    pub export: Option<Export>,
    /// How long a stream of events may be silent before a sign of life is sent.
    pub heartbeat: Duration,
    /// Whom events are brought.
    pub webhooks: Vec<Webhook>,
    /// Which metrics there are.
    pub metric_names: MetricNames,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What tells the time.
    pub time: TimeSource,
    /// How the journal is checked at the start.
    pub verifier: Verifier,
    /// Of which cluster it is a node, if of any.
    #[cfg(feature = "cluster")]
    pub cluster: Option<crate::ClusterSettings>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// What a configuration file says; whatever it leaves out is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// See [`Config::data`].
    pub data: Option<PathBuf>,
    /// See [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// See [`TlsFiles::certificate`].
    pub tls_certificate: Option<PathBuf>,
    /// See [`TlsFiles::key`].
    pub tls_key: Option<PathBuf>,
    /// See [`Config::tokens`].
    pub tokens: Option<PathBuf>,
    /// See [`Config::allowed_hosts`].
    pub allowed_hosts: Option<Vec<String>>,
    /// See [`Config::connections_max`].
    pub connections_max: Option<u64>,
    /// See [`Config::event_streams_max`].
    pub event_streams_max: Option<u64>,
    /// See [`Config::disk_reserve_mb`].
    pub disk_reserve_mb: Option<u64>,
    /// See [`Config::snapshot_every`].
    pub snapshot_every: Option<u64>,
    /// See [`Config::retention`].
    pub retention_hours: Option<u64>,
    /// See [`Export::file`].
    pub export_file: Option<PathBuf>,
    /// See [`Export::every`].
    pub export_hours: Option<u64>,
    /// See [`Config::heartbeat`].
    pub heartbeat_seconds: Option<u64>,
    /// See [`Config::webhooks`].
    pub webhooks: Option<Vec<Webhook>>,
    /// See [`Config::metric_names`].
    pub metric_names: Option<MetricNames>,
    /// See [`Config::log_level`].
    pub log_level: Option<LogLevel>,
}

impl MetricNames {
    /// Every choice with its name.
    pub const NAMES: [(&'static str, Self); 2] =
        [("tidegate", Self::Own), ("tidegate_and_hsi", Self::OwnAndReplaced)];
}

impl TimeSource {
    /// Every source with its name.
    pub const NAMES: [(&'static str, Self); 2] =
        [("system", Self::System), ("driven", Self::Driven)];
}

/// Connections at once, for messages and checks.
pub const CONNECTIONS: std::ops::RangeInclusive<u64> = 1..=65_536;
/// Streams of events at once, and the number unless told otherwise.
pub const EVENT_STREAMS: std::ops::RangeInclusive<u64> = 1..=65_536;
/// See [`EVENT_STREAMS`].
pub const EVENT_STREAMS_DEFAULT: u64 = 512;
/// Megabytes that may be kept free.
pub const RESERVE_MB: std::ops::RangeInclusive<u64> = 1..=1_048_576;
/// Entries between two snapshots.
pub const SNAPSHOT_EVERY: std::ops::RangeInclusive<u64> = 100..=10_000_000;
/// Hours between two exports, and the hours unless told otherwise.
pub const EXPORT_HOURS: std::ops::RangeInclusive<u64> = 1..=8_784;
/// See [`EXPORT_HOURS`].
pub const EXPORT_HOURS_DEFAULT: u64 = 24;
/// Seconds between two signs of life of a stream of events, and the seconds unless told otherwise.
pub const HEARTBEAT_SECONDS: std::ops::RangeInclusive<u64> = 1..=3_600;
/// See [`HEARTBEAT_SECONDS`].
pub const HEARTBEAT_SECONDS_DEFAULT: u64 = 15;
/// Hours that entries are kept.
pub const RETENTION_HOURS: std::ops::RangeInclusive<u64> = 1..=8_784;

impl ConfigFile {
    /// Reads a configuration in TOML.
    ///
    /// # Errors
    /// Every fault at once, with path, value and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        document::read(text, |fields| {
            let path = |text: Option<&str>| text.map(PathBuf::from);
            let listen = fields.text("listen").map(parse_listen);
            if let Some(Err(why)) = &listen {
                fields.fault("listen", why);
            }
            Some(Self {
                data: path(fields.text("data")),
                listen: listen.and_then(Result::ok),
                tls_certificate: path(fields.text("tls_certificate")),
                tls_key: path(fields.text("tls_key")),
                tokens: path(fields.text("tokens")),
                allowed_hosts: fields.texts("allowed_hosts"),
                connections_max: fields.count("connections_max", CONNECTIONS),
                event_streams_max: fields.count("event_streams_max", EVENT_STREAMS),
                disk_reserve_mb: fields.count("disk_reserve_mb", RESERVE_MB),
                snapshot_every: fields.count("snapshot_every", SNAPSHOT_EVERY),
                retention_hours: fields.count("retention_hours", RETENTION_HOURS),
                export_file: path(fields.text("export_file")),
                export_hours: fields.count("export_hours", EXPORT_HOURS),
                heartbeat_seconds: fields.count("heartbeat_seconds", HEARTBEAT_SECONDS),
                webhooks: Webhook::read_all(fields),
                metric_names: fields.choice("metric_names", &MetricNames::NAMES),
                log_level: fields.choice("log_level", &LogLevel::NAMES),
            })
        })
    }
}

/// Why a configuration cannot be run with.
#[derive(Debug, thiserror::Error)]
pub enum Unsafe {
    /// Reachable by others without proof of who they are.
    #[error(
        "listen {0} can be reached from other machines, allowed: loopback, or with tokens and TLS (tokens, tls_certificate, tls_key)"
    )]
    Reachable(SocketAddr),
    /// Each node would bring each event.
    #[cfg(feature = "cluster")]
    #[error(
        "webhooks are set for a node of a cluster, allowed: none, as every node would bring every event"
    )]
    WebhooksOfMany,
    /// One of the two files of a certificate.
    #[error("only one of tls_certificate and tls_key is set, allowed: both or neither")]
    HalfTls,
}

impl Config {
    /// Puts the files of a certificate together.
    ///
    /// # Errors
    /// Where there is only one.
    pub fn tls(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Option<TlsFiles>, Unsafe> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => Err(Unsafe::HalfTls),
        }
    }

    /// Refuses to be reached by others without tokens and TLS.
    pub(crate) fn check(&self) -> Result<(), Unsafe> {
        #[cfg(feature = "cluster")]
        if self.cluster.is_some() && !self.webhooks.is_empty() {
            return Err(Unsafe::WebhooksOfMany);
        }
        let guarded = self.tokens.is_some() && self.tls.is_some();
        if self.listen.ip().is_loopback() || guarded {
            Ok(())
        } else {
            Err(Unsafe::Reachable(self.listen))
        }
    }
}
