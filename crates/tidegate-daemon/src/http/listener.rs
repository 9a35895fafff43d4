//! Connections: bounded in number, in the time their requests may take to arrive, and in their heads.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::connection_state::{ConnectionState, DRAIN_GRACE};
use super::front::{Front, OnConnection};
use super::head_timer::HeadTimer;
use super::write_stall::Patient;
use crate::config::TlsFiles;
use crate::shared::Shared;

/// How long the head of a request, or a TLS handshake, may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// Where a head is not even read to its end. What is allowed is less, and refused with a reason.
const HEADERS_READ_MAX: usize = 128;
const HEAD_BYTES_READ_MAX: usize = 32 * 1024;
/// How long requests that are whole may take to be answered, and to be read, once the daemon shuts down.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How long to wait where the system has no descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What encrypts connections.
pub(crate) type Tls = TlsAcceptor;

/// Why a certificate is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("cannot read {}: {}", path.display(), of_pem(source))]
    Unreadable {
        /// The file with the certificate or its key.
        path: PathBuf,
        /// What the reader of PEM files says of it.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not go together.
    #[error("the certificate is not usable: {0}")]
    Unusable(#[from] rustls::Error),
}

/// What is wrong with a file of PEM, in the words of whoever named it.
fn of_pem(error: &rustls::pki_types::pem::Error) -> String {
    if matches!(error, rustls::pki_types::pem::Error::NoItemsFound) {
        return "it holds no certificate or key, allowed: PEM, with -----BEGIN …----- lines"
            .to_owned();
    }
    error.to_string()
}

/// Reads a certificate.
pub(crate) fn tls(files: &TlsFiles) -> Result<Tls, TlsError> {
    let unreadable = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Unreadable { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A socket with what its connections are served by.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<Tls>,
    pub(crate) front: Front,
    pub(crate) connections_max: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Listening {
    /// Serves until `shutdown`, then lets requests in flight end.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let permits = Arc::new(Semaphore::new(self.connections_max));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            // Beyond the bound connections wait in the system's queue.
            let next = async {
                let permit = permits.clone().acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                next = next => next,
                () = &mut shutdown => break,
            };
            let (stream, peer, permit) = match (accepted, permit) {
                (Ok((stream, peer)), Ok(permit)) => (stream, peer.ip(), permit),
                // Nobody closes it.
                (Ok(_), Err(_)) => break,
                (Err(error), _) => {
                    pause_if_exhausted(&error).await;
                    continue;
                }
            };
            let connection = Connection {
                tls: self.tls.clone(),
                front: self.front.clone(),
                watcher: graceful.watcher(),
                shared: self.shared.clone(),
                state: Arc::new(ConnectionState::new(permit, peer)),
            };
            tokio::spawn(connection.serve(stream));
        }
        drop(self.listener);
        // Connections on which nothing is answered have sent no whole head, or none at all.
        let answered = async {
            tokio::time::sleep(DRAIN_GRACE).await;
            self.front.held().all_answered().await;
        };
        let drained = async {
            tokio::select! {
                () = graceful.shutdown() => {}
                () = answered => {}
            }
        };
        if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
            tracing::warn!("requests were cut off at the end of the drain");
        }
    }
}

async fn pause_if_exhausted(error: &io::Error) {
    // A connection that was gone before it was taken is no reason to wait.
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tracing::warn!(%error, "a connection was not accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

struct Connection {
    tls: Option<Tls>,
    front: Front,
    watcher: Watcher,
    shared: Arc<Shared>,
    state: Arc<ConnectionState>,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // An answer is one small write; waiting for more only delays it.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else { return self.speak(stream).await };
        match tokio::time::timeout(HEAD_TIME_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(_)) | Err(_) => self.shared.metrics.connection_refused(),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let state = self.state.clone();
        let connection = http1::Builder::new()
            .timer(HeadTimer::new(HEAD_TIME_MAX))
            // A client that has said all it has to say still wants the answers.
            .half_close(true)
            .header_read_timeout(HEAD_TIME_MAX)
            .max_headers(HEADERS_READ_MAX)
            .max_buf_size(HEAD_BYTES_READ_MAX)
            // One copy of an answer costs less than to write it in pieces; the largest has some mebibytes.
            .writev(false)
            .serve_connection(
                TokioIo::new(Patient::new(stream, self.state.clone())),
                OnConnection { front: self.front, connection: self.state },
            );
        let ended = self.watcher.watch(connection).await;
        if let (Err(error), false) = (ended, state.streams()) {
            self.shared.metrics.connection_refused();
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
