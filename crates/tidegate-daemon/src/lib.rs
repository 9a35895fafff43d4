//! The daemon: serves rollouts over HTTP, keeps them in a journal and lets time pass.
//!
//! [`serve`] runs it as a process, with signals, logs and the service manager; [`run`] is the same
//! without those, for a caller that brings a listener, a clock and the end.
//!
//! One thread owns the engine and takes commands in turn. An answer that something was taken in is given
//! once it is on disk. Assignments are answered from a published table and wait for nothing. Whatever
//! is in doubt, control is served.

mod after_repair;
mod clock;
#[cfg(feature = "cluster")]
mod cluster;
pub mod config;
mod describe;
mod driver;
mod faults;
mod feed;
mod http;
mod metrics;
#[cfg_attr(
    not(feature = "cluster"),
    expect(dead_code, reason = "without the feature every daemon is alone")
)]
mod node;
mod page;
mod prompts;
mod published;
mod readiness;
mod recovery;
mod refusal;
mod rollouts;
mod settings;
mod shared;
pub mod telemetry;
pub mod tokens;
mod webhooks;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

pub use after_repair::{AfterRepair, pause_all};
pub use clock::Clock;
#[cfg(feature = "cluster")]
pub use cluster::{ClusterSettings, OnShortfall};
pub use config::Config;
pub use http::TlsError;
#[cfg(feature = "openapi")]
pub use http::openapi_document;
pub use settings::{MetricNames, Verifier};
pub use webhooks::SecretError;
pub use webhooks::hook::Webhook;

use clock::MonotonicClock;
use config::{TimeSource, Unsafe};
use driver::{Driver, DriverCommand};
use feed::Feed;
use http::{Address, App, Encrypted, Front, Held, Listening, Parts, Sessions};
use metrics::Metrics;
use node::{Node, NodeRole};
use published::Published;
use readiness::Readiness;
use settings::{DriverSettings, Recovery};
use shared::Shared;
use tokens::{TokenFileError, WatchedTokens};
use webhooks::{Prepared, Webhooks};

/// Commands that may wait for the driver.
const COMMANDS_MAX: usize = 1_024;
/// Threads that answer requests; the engine and the journal have their own. One answers tens of thousands a
/// second; a second one costs every request a tenth more, as each then wakes the other.
const WORKERS: usize = 1;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its configuration would let strangers in.
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
    /// Its tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// Its certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The secret of a webhook cannot be used.
    #[error("webhook `{webhook}`: {source}")]
    Webhook {
        /// The name of the webhook in the settings.
        webhook: String,
        /// What is wrong with its secret.
        source: SecretError,
    },
    /// It cannot listen there.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address that was to be listened on.
        listen: SocketAddr,
        /// What the operating system says, such as that the address is taken.
        source: io::Error,
    },
    /// Its journal is another's, or not allowed.
    #[error("{0}")]
    Journal(String),
    /// The system gives no threads, signals or random numbers.
    #[error("cannot start: {0}")]
    System(io::Error),
}

/// Runs the daemon as a process until it is told to end by SIGTERM or SIGINT.
///
/// # Errors
/// [`RunError`] where it cannot start.
pub fn serve(config: Config) -> Result<(), RunError> {
    telemetry::begin(config.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(RunError::System)?;
    runtime.block_on(async {
        config.check()?;
        let listen = config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|source| RunError::Listen { listen, source })?;
        let told = signals().map_err(RunError::System)?;
        let clock = match config.time {
            TimeSource::System => Clock::System,
            TimeSource::Driven => Clock::driven(),
        };
        run(config, listener, clock, told).await
    })
}

/// Ends once this process is told to end, by SIGTERM or SIGINT.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Waits until this process is told to end, by SIGTERM or SIGINT.
///
/// # Errors
/// Where the system gives no signals.
pub fn told_to_end() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        signals()?.await;
        Ok(())
    })
}

/// Serves on `listener` until `shutdown`, then lets requests in flight end and writes a snapshot.
///
/// # Errors
/// [`RunError`] where it cannot start.
pub async fn run(
    config: Config,
    listener: TcpListener,
    clock: Clock,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    config.check()?;
    let tokens = config.tokens.as_deref().map(WatchedTokens::begin).transpose()?;
    let tls = config.tls.as_ref().map(http::tls).transpose()?;
    let prepared = config.webhooks.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
    let local = listener.local_addr().map_err(RunError::System)?;
    let (prefix, ticket) = (random()?, random()?);
    let refetch = Address::new(tokens.is_some().then_some(ticket));

    let (readiness, readinesses) = watch::channel(Readiness::Recovering);
    let shared = Arc::new(Shared {
        published: Published::new(),
        feed: Arc::new(Feed::new(config.event_streams_max)),
        followers: prepared.iter().map(Prepared::follower).collect(),
        metrics: Metrics::new(config.metric_names),
        clock: Arc::new(MonotonicClock::new(clock)),
        readiness,
        node: Node::new(role(&config)),
    });
    let (commands, queue) = mpsc::sync_channel(COMMANDS_MAX);
    let settings = driver_settings(&config);
    let driver = Driver::new(shared.clone(), settings, commands.clone(), heartbeat());
    let driving = thread::Builder::new().name("engine".to_owned());
    let driving = driving.spawn(move || driver.run(&queue)).map_err(RunError::System)?;

    #[cfg(feature = "cluster")]
    let node_thread = node_thread(&config, &shared, &commands).map_err(RunError::System)?;
    let webhooks = Webhooks::begin(prepared, &config, &shared).map_err(RunError::System)?;
    let app = App::new(Parts {
        shared: shared.clone(),
        commands: commands.clone(),
        tokens,
        hosts: hosts(&config, local),
        time: config.time,
        held: Held::new(shared.clone()),
        heartbeat: config.heartbeat,
        refetch,
        request_id_prefix: u64::from_le_bytes(prefix),
        request_count: std::sync::atomic::AtomicU64::new(0),
        sessions: Sessions::new().map_err(|error| RunError::System(io::Error::other(error)))?,
        encrypted: if tls.is_some() { Encrypted::Yes } else { Encrypted::No },
        disk_reserve_bytes: driver_settings(&config).reserve_bytes,
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(address = %format!("{scheme}://{local}"), data = %config.data.display(), "listening");
    let listening = Listening {
        listener,
        tls,
        front: Front::new(app),
        connections_max: config.connections_max,
        shared: shared.clone(),
    };
    let mut impossible = None;
    let ending = async {
        tokio::select! {
            () = shutdown => {}
            why = announce(readinesses) => impossible = Some(why),
        }
        tracing::info!("draining");
        // Streams have no end of their own.
        shared.feed.end();
        // Without a service manager there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    };
    listening.serve(ending).await;
    // A thread that panicked has logged it.
    let _ = tokio::task::spawn_blocking(move || webhooks.end()).await;
    end(commands, driving).await;
    // After the driver, so that nobody leads before all that it took in is written.
    #[cfg(feature = "cluster")]
    let _ = tokio::task::spawn_blocking(move || node_thread.map(cluster::NodeThread::end)).await;
    match impossible {
        Some(why) => Err(RunError::Journal(why)),
        None => Ok(()),
    }
}

/// What a daemon begins as.
#[cfg(feature = "cluster")]
fn role(config: &Config) -> NodeRole {
    match config.cluster {
        Some(_) => NodeRole::Follower { leader: None },
        None => NodeRole::Alone,
    }
}

/// Begins to follow, where this is a node of several.
#[cfg(feature = "cluster")]
fn node_thread(
    config: &Config,
    shared: &Arc<Shared>,
    commands: &mpsc::SyncSender<DriverCommand>,
) -> io::Result<Option<cluster::NodeThread>> {
    let Some(cluster) = config.cluster.clone() else { return Ok(None) };
    cluster::NodeThread::begin(cluster, shared.clone(), commands.clone()).map(Some)
}

/// What a daemon begins as.
#[cfg(not(feature = "cluster"))]
fn role(_config: &Config) -> NodeRole {
    NodeRole::Alone
}

fn driver_settings(config: &Config) -> DriverSettings {
    DriverSettings {
        recovery: Recovery { folder: config.data.clone(), verifier: config.verifier.clone() },
        reserve_bytes: config.disk_reserve_mb.saturating_mul(1024 * 1024),
        snapshot_every: config.snapshot_every,
        retention: config.retention,
        export: config.export.clone(),
    }
}

fn prepare(hook: &Webhook) -> Result<Prepared, RunError> {
    let webhook = hook.name.clone();
    Prepared::new(hook).map_err(|source| RunError::Webhook { webhook, source })
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], RunError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| RunError::System(io::Error::other(error)))?;
    Ok(bytes)
}

/// Lets the driver write all that it knows.
async fn end(commands: mpsc::SyncSender<DriverCommand>, driving: thread::JoinHandle<()>) {
    let (done, ended) = oneshot::channel();
    // The queue may be full; its commands are worked off first.
    let told =
        tokio::task::spawn_blocking(move || commands.send(DriverCommand::Shutdown(done)).is_ok());
    if matches!(told.await, Ok(true)) {
        let _ = ended.await;
    }
    // The thread is about to end, or has ended by a fault that was logged.
    let _ = tokio::task::spawn_blocking(move || driving.join()).await;
    tracing::info!("ended");
}

/// Tells the service manager where the daemon stands; ends only where it cannot start at all.
async fn announce(mut readinesses: watch::Receiver<Readiness>) -> String {
    use sd_notify::NotifyState;
    loop {
        let readiness = readinesses.borrow_and_update().clone();
        let (ready, status) = match readiness {
            Readiness::Impossible(why) => return why,
            Readiness::Recovering => (false, "reading the journal".to_owned()),
            Readiness::Ready => (true, "serving".to_owned()),
            Readiness::Draining => (false, "draining".to_owned()),
            // Control is served, so the service manager must not give up on it.
            Readiness::Unavailable(why) | Readiness::Damaged(why) => {
                (true, format!("serving control only: {why}"))
            }
        };
        let status = NotifyState::Status(&status);
        // Without a service manager there is nobody to tell.
        let _ = if ready {
            sd_notify::notify(&[NotifyState::Ready, status])
        } else {
            sd_notify::notify(&[status])
        };
        if readinesses.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Tells the service manager's watchdog, from the engine's own thread, that it is not stuck.
fn heartbeat() -> Box<dyn FnMut() + Send> {
    let Some(interval) = sd_notify::watchdog_enabled() else { return Box::new(|| ()) };
    let pause = (interval / 3).min(Duration::from_secs(5)).as_secs_f64();
    let mut last = clock::Stopwatch::start();
    Box::new(move || {
        if last.seconds() >= pause {
            last = clock::Stopwatch::start();
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    })
}

/// The names requests may call this daemon by.
fn hosts(config: &Config, local: SocketAddr) -> Vec<String> {
    let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
    let own = match local {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    loopback.into_iter().chain([own]).chain(config.allowed_hosts.iter().cloned()).collect()
}
