//! Logs: one JSON object a line, on standard error.

use tracing::level_filters::LevelFilter;

use crate::config::LogLevel;

/// Begins to log. A second call in one process changes nothing.
pub fn begin(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // JSON escapes control characters, so no text of a request can forge a line.
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        // Nor is a log that nobody takes any more a reason to end.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .finish();
    // Another subscriber may be there in a test.
    let _ = tracing::subscriber::set_global_default(subscriber);
    // A panic is a line like any other.
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let place = panic.location().map(ToString::to_string);
        let why = panic.payload_as_str().unwrap_or_default();
        tracing::error!(thread, place, why, "panicked");
    }));
}
