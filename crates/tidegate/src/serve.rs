//! `tidegate serve`: the daemon, told by flags, the environment, a file and defaults, in this order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use tidegate_daemon::config::{
    self, Config, ConfigFile, DATA_DEFAULT, LISTEN_DEFAULT, LogLevel, TimeSource,
};
use tidegate_daemon::{MetricNames, Verifier};

use crate::failure::Failure;
use crate::settings_file::read_text;

/// Serve rollouts over HTTP until told to end
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file in TOML; every setting below can be in it, with _ for -
    #[arg(long, env = "TIDEGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the journal [default: tidegate-data]
    #[arg(long, env = "TIDEGATE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; port 0 takes any [default: 127.0.0.1:4780]
    #[arg(long, env = "TIDEGATE_LISTEN", value_name = "ADDRESS", value_parser = config::parse_listen)]
    listen: Option<SocketAddr>,
    /// The certificate chain in PEM
    #[arg(long, env = "TIDEGATE_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, env = "TIDEGATE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The file of tokens, as `tidegate token create` writes it
    #[arg(long, env = "TIDEGATE_TOKENS", value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Further names that requests may call this daemon by
    #[arg(long, env = "TIDEGATE_ALLOWED_HOSTS", value_name = "NAME,…", value_delimiter = ',')]
    allowed_hosts: Option<Vec<String>>,
    /// Connections at once [default: 512]
    #[arg(long, env = "TIDEGATE_CONNECTIONS_MAX", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    connections_max: Option<u64>,
    /// Streams of events at once, beside the connections [default: 512]
    #[arg(long, env = "TIDEGATE_EVENT_STREAMS_MAX", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    event_streams_max: Option<u64>,
    /// Disk that is left free, in MB [default: 64]
    #[arg(long, env = "TIDEGATE_DISK_RESERVE_MB", value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    disk_reserve_mb: Option<u64>,
    /// Journal entries between two snapshots [default: 200000]
    #[arg(long, env = "TIDEGATE_SNAPSHOT_EVERY", value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    snapshot_every: Option<u64>,
    /// How long journal entries are kept; decisions are kept for ever [default: 168]
    #[arg(long, env = "TIDEGATE_RETENTION_HOURS", value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8_784))]
    retention_hours: Option<u64>,
    /// Where the daemon exports its journal while it runs; without it, it does not
    #[arg(long, env = "TIDEGATE_EXPORT_FILE", value_name = "FILE")]
    export_file: Option<PathBuf>,
    /// Hours between two exports [default: 24]
    #[arg(long, env = "TIDEGATE_EXPORT_HOURS", value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8_784))]
    export_hours: Option<u64>,
    /// Seconds between two signs of life of a stream of events [default: 15]
    #[arg(long, env = "TIDEGATE_HEARTBEAT_SECONDS", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    heartbeat_seconds: Option<u64>,
    /// Which metrics there are: tidegate, or those of the replaced system too [default: tidegate]
    #[arg(long, env = "TIDEGATE_METRIC_NAMES", value_name = "NAMES", value_parser = choice(&MetricNames::NAMES))]
    metric_names: Option<MetricNames>,
    /// How much is logged [default: info]
    #[arg(long, env = "TIDEGATE_LOG_LEVEL", value_name = "LEVEL", value_parser = choice(&LogLevel::NAMES))]
    log_level: Option<LogLevel>,
    /// What tells the time; `driven` is for demonstrations and tests, and takes it from POST /v1/time
    #[arg(long, env = "TIDEGATE_TIME", value_name = "SOURCE", value_parser = choice(&TimeSource::NAMES), hide = true)]
    time: Option<TimeSource>,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    node: crate::node::NodeArgs,
}

/// Takes one of the names of a closed list.
fn choice<T: Copy + Send + Sync + 'static>(
    names: &'static [(&'static str, T)],
) -> impl clap::builder::TypedValueParser<Value = T> {
    PossibleValuesParser::new(names.iter().map(|(name, _)| *name)).try_map(move |text| {
        let found = names.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or("not one of the names")
    })
}

pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    let file = match &args.config {
        Some(path) => {
            let text = read_text(path)?;
            ConfigFile::parse(&text)
                .map_err(|source| Failure::Invalid { path: path.clone(), source })?
        }
        None => ConfigFile::default(),
    };
    tidegate_daemon::serve(config(args, file)?).map_err(Failure::Serve)
}

/// Flag, then environment (clap does both), then file, then default.
fn config(args: ServeArgs, file: ConfigFile) -> Result<Config, Failure> {
    let tls =
        Config::tls(args.tls_certificate.or(file.tls_certificate), args.tls_key.or(file.tls_key));
    let program = std::env::current_exe().map_err(Failure::Program)?;
    let connections_max = args.connections_max.or(file.connections_max).unwrap_or(512);
    let event_streams_max = args.event_streams_max.or(file.event_streams_max);
    let event_streams_max = event_streams_max.unwrap_or(config::EVENT_STREAMS_DEFAULT);
    let retention_hours = args.retention_hours.or(file.retention_hours);
    let retention_hours = retention_hours.unwrap_or(config::RETENTION_HOURS_DEFAULT);
    let export_hours = args.export_hours.or(file.export_hours);
    let export_hours = export_hours.unwrap_or(config::EXPORT_HOURS_DEFAULT);
    let export = args.export_file.or(file.export_file);
    let every = tidegate_engine::time::Duration::from_ms(export_hours * 3_600_000);
    let heartbeat = args.heartbeat_seconds.or(file.heartbeat_seconds);
    let heartbeat = heartbeat.unwrap_or(config::HEARTBEAT_SECONDS_DEFAULT);
    let listen = args.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT);
    #[cfg(feature = "cluster")]
    let cluster = {
        use crate::node::Scheme;
        let is_encrypted = tls.as_ref().is_ok_and(Option::is_some);
        args.node.cluster(listen, if is_encrypted { Scheme::Https } else { Scheme::Http })?
    };
    Ok(Config {
        data: args.data.or(file.data).unwrap_or_else(|| DATA_DEFAULT.into()),
        listen,
        tls: tls.map_err(|error| Failure::Serve(error.into()))?,
        tokens: args.tokens.or(file.tokens),
        allowed_hosts: args.allowed_hosts.or(file.allowed_hosts).unwrap_or_default(),
        connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX),
        event_streams_max: usize::try_from(event_streams_max).unwrap_or(usize::MAX),
        disk_reserve_mb: args.disk_reserve_mb.or(file.disk_reserve_mb).unwrap_or(64),
        snapshot_every: args.snapshot_every.or(file.snapshot_every).unwrap_or(200_000),
        retention: Duration::from_hours(retention_hours),
        export: export.map(|file| config::Export { file, every }),
        heartbeat: Duration::from_secs(heartbeat),
        webhooks: file.webhooks.unwrap_or_default(),
        metric_names: args.metric_names.or(file.metric_names).unwrap_or(MetricNames::Own),
        log_level: args.log_level.or(file.log_level).unwrap_or(LogLevel::Info),
        time: args.time.unwrap_or(TimeSource::System),
        verifier: Verifier::Child { program },
        #[cfg(feature = "cluster")]
        cluster,
    })
}
