//! What the daemon counts, as Prometheus reads it. Camera ids are never labels, and only so many
//! experiments are, so that the number of series stays below 500.

mod replaced;
mod rollout;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tidegate_engine::decision::Decision;
use tidegate_engine::event::Event;
use tidegate_engine::experiment::Experiment;
use tidegate_engine::phase::Phase;
use tidegate_spec::api::ObservationAnswers;

use crate::feed::FeedEvent;
use crate::published::{AssignmentReason, View};
use crate::readiness::Readiness;
use crate::settings::MetricNames;
use replaced::Replaced;
use rollout::RolloutGauges;

/// One label.
type One = [(&'static str, String); 1];
/// Two labels.
type Two = [(&'static str, String); 2];
/// One label of few values, all known beforehand: it is counted on every request, and copies nothing.
type KnownLabel = [(&'static str, Cow<'static, str>); 1];
/// The method and the status of an answer, likewise.
type AnswerLabels = ([(&'static str, &'static str); 1], [(&'static str, u16); 1]);
type Number = Gauge<f64, AtomicU64>;

/// Methods that have series of their own; a client may make up as many as it likes.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];
/// What nearly all answers are: their counters are not looked up each time.
const FREQUENT: (&str, u16) = ("GET", 200);
/// Experiments that have series of their own, in order of their keys.
const EXPERIMENTS_SHOWN_MAX: usize = 12;
/// The same where the metrics of the replaced system need room too.
const EXPERIMENTS_SHOWN_MAX_WITH_REPLACED: usize = 6;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    observations: Family<KnownLabel, Counter>,
    rejected: Family<KnownLabel, Counter>,
    decisions: Family<KnownLabel, Counter>,
    rollbacks: Family<KnownLabel, Counter>,
    requests: Family<AnswerLabels, Counter>,
    /// The one of `requests` that nearly all are.
    frequent_requests: Counter,
    request_seconds: Histogram,
    /// In the order of [`AssignmentReason::ALL`].
    assignments: [Counter; AssignmentReason::ALL.len()],
    refused_connections: Counter,
    answers_given_up: Counter,
    journal_failures: Counter,
    ready: Number,
    recovery_seconds: Number,
    disk_free: Number,
    clock_behind: Number,
    clock_is_behind: AtomicU64,
    clock_jumps: Counter,
    events: Family<One, Counter>,
    event_streams: Number,
    event_streams_max: Number,
    webhook_events: Family<Two, Counter>,
    webhook_lag: Family<One, Number>,
    rollouts: RolloutGauges,
    replaced: Option<Replaced>,
}

fn answered(method: &str, status: u16) -> AnswerLabels {
    let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
    ([("method", method)], [("status", status)])
}

/// What is to be counted of an event once it was taken in.
#[derive(Debug)]
pub(crate) enum ToCount {
    Nothing,
    Event(Box<Event>),
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "one metric after the other")]
    pub(crate) fn new(names: MetricNames) -> Self {
        let mut registry = Registry::default();
        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register(concat!("tidegate_", $name), $help, metric.clone());
                metric
            }};
        }
        let buckets = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
        let observations = register!(
            "observations",
            "Observations by what became of them",
            Family::<KnownLabel, Counter>::default()
        );
        let rejected = register!(
            "observations_rejected",
            "Observations that were not taken in by the code of the answer",
            Family::<KnownLabel, Counter>::default()
        );
        let decisions = register!(
            "decisions",
            "Steps of rollouts by cause",
            Family::<KnownLabel, Counter>::default()
        );
        let rollbacks =
            register!("rollbacks", "Rollbacks by cause", Family::<KnownLabel, Counter>::default());
        let requests = register!(
            "http_requests",
            "HTTP requests by method and status",
            Family::<AnswerLabels, Counter>::default()
        );
        let frequent_requests = requests.get_or_create_owned(&answered(FREQUENT.0, FREQUENT.1));
        let request_seconds = register!(
            "http_request_duration_seconds",
            "Time to the answer of HTTP requests",
            Histogram::new(buckets)
        );
        let assignments = register!(
            "assignments",
            "Assignments that were asked for, by reason",
            Family::<KnownLabel, Counter>::default()
        );
        let assignments = AssignmentReason::ALL.map(|reason| {
            assignments.get_or_create_owned(&[("reason", Cow::Borrowed(reason.as_str()))])
        });
        let refused_connections = register!(
            "http_connections_refused",
            "Connections closed because no request came in time, or TLS failed",
            Counter::default()
        );
        let answers_given_up = register!(
            "http_answers_given_up",
            "Answers that their clients did not take, given up as all of them held too much memory",
            Counter::default()
        );
        let journal_failures = register!(
            "journal_failures",
            "How often the journal could not be written and was opened anew",
            Counter::default()
        );
        let ready = register!(
            "ready",
            "1 when observations are taken in and actions done, as /readyz says; 0 when control is served to all",
            Number::default()
        );
        let recovery_seconds = register!(
            "recovery_seconds",
            "How long it took to read the journal at the last start",
            Number::default()
        );
        let disk_free = register!(
            "disk_free_bytes",
            "Free disk beneath the journal, at the start or the last observations",
            Number::default()
        );
        let clock_behind = register!(
            "clock_behind_seconds",
            "How far the machine's clock is behind the newest entry; time stands still meanwhile",
            Number::default()
        );
        let clock_jumps = register!(
            "clock_jumps_backwards",
            "How often the machine's clock went back",
            Counter::default()
        );
        let events = register!(
            "events",
            "Events that subscribers are told, by type",
            Family::<One, Counter>::default()
        );
        let event_streams =
            register!("event_streams", "Streams of events that are open", Number::default());
        let event_streams_max =
            register!("event_streams_max", "Streams of events that may be open", Number::default());
        let webhook_events = register!(
            "webhook_events",
            "Events by webhook and what became of bringing them",
            Family::<Two, Counter>::default()
        );
        let webhook_lag = register!(
            "webhook_lag_events",
            "Events that a webhook is still to be brought",
            Family::<One, Number>::default()
        );
        let shown = match names {
            MetricNames::Own => EXPERIMENTS_SHOWN_MAX,
            MetricNames::OwnAndReplaced => EXPERIMENTS_SHOWN_MAX_WITH_REPLACED,
        };
        let rollouts = RolloutGauges::register(&mut registry, shown);
        let replaced =
            (names == MetricNames::OwnAndReplaced).then(|| Replaced::register(&mut registry));
        Self {
            registry,
            observations,
            rejected,
            decisions,
            rollbacks,
            requests,
            frequent_requests,
            request_seconds,
            assignments,
            refused_connections,
            answers_given_up,
            journal_failures,
            ready,
            recovery_seconds,
            disk_free,
            clock_behind,
            clock_is_behind: AtomicU64::new(0),
            clock_jumps,
            events,
            event_streams,
            event_streams_max,
            webhook_events,
            webhook_lag,
            rollouts,
            replaced,
        }
    }

    /// All metrics as text, with the daemon and the rollouts as they stand.
    pub(crate) fn text(&self, readiness: &Readiness, view: View<'_>) -> String {
        self.ready.set(if *readiness == Readiness::Ready { 1.0 } else { 0.0 });
        self.rollouts.set(view);
        if let Some(replaced) = &self.replaced {
            replaced.set(view);
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail.
            Err(_) => String::new(),
        }
    }

    pub(crate) fn observed(&self, answers: &ObservationAnswers) {
        let counts = [
            ("accepted", answers.accepted),
            ("duplicate", answers.duplicate),
            ("rejected", answers.rejected),
        ];
        for (status, count) in counts {
            if count > 0 {
                let labels = [("status", status.into())];
                self.observations.get_or_create(&labels).inc_by(count);
            }
        }
        for code in answers.results.iter().filter_map(|answer| answer.code.as_deref()) {
            let labels = [("code", code.to_owned().into())];
            self.rejected.get_or_create(&labels).inc();
        }
    }

    /// Keeps an event to count, where it is counted.
    pub(crate) fn to_count(&self, event: &Event) -> ToCount {
        match self.replaced {
            Some(_) => ToCount::Event(Box::new(event.clone())),
            None => ToCount::Nothing,
        }
    }

    pub(crate) fn accepted(&self, told: &ToCount, experiment: &Experiment) {
        if let (ToCount::Event(event), Some(replaced)) = (told, &self.replaced) {
            replaced.accepted(event, experiment);
        }
    }

    pub(crate) fn decided(&self, decision: &Decision) {
        let labels = [("cause", decision.cause.code().into())];
        self.decisions.get_or_create(&labels).inc();
        if decision.to.phase == Phase::RolledBack {
            self.rollbacks.get_or_create(&labels).inc();
            if let Some(replaced) = &self.replaced {
                replaced.rolled_back(decision);
            }
        }
    }

    pub(crate) fn told(&self, events: &[Arc<FeedEvent>]) {
        for event in events {
            self.events.get_or_create(&[("type", event.kind.as_str().to_owned())]).inc();
        }
    }

    pub(crate) fn event_streams(&self, open: usize, max: usize) {
        self.event_streams_max.set(max as f64);
        self.event_streams.set(open as f64);
    }

    pub(crate) fn webhook(&self, name: &str, outcome: &'static str, events: u64) {
        let labels = [("webhook", name.to_owned()), ("outcome", outcome.to_owned())];
        self.webhook_events.get_or_create(&labels).inc_by(events);
    }

    pub(crate) fn webhook_lag(&self, name: &str, events: usize) {
        self.webhook_lag.get_or_create(&[("webhook", name.to_owned())]).set(events as f64);
    }

    pub(crate) fn requested(&self, method: &str, status: u16, seconds: f64) {
        if (method, status) == FREQUENT {
            self.frequent_requests.inc();
        } else {
            self.requests.get_or_create(&answered(method, status)).inc();
        }
        self.request_seconds.observe(seconds);
    }

    pub(crate) fn assigned(&self, reason: AssignmentReason) {
        self.assignments[reason.index()].inc();
    }

    pub(crate) fn connection_refused(&self) {
        self.refused_connections.inc();
    }

    pub(crate) fn answer_given_up(&self) {
        self.answers_given_up.inc();
    }

    pub(crate) fn journal_failed(&self) {
        self.journal_failures.inc();
    }

    pub(crate) fn recovered(&self, seconds: f64) {
        self.recovery_seconds.set(seconds);
    }

    pub(crate) fn disk_free(&self, bytes: u64) {
        self.disk_free.set(bytes as f64);
    }

    /// That disk is short, in a sentence, as it was when it was looked at last.
    pub(crate) fn low_disk(&self, reserve_bytes: u64) -> Option<String> {
        const MB: f64 = 1024.0 * 1024.0;
        let (free, reserve) = (self.disk_free.get(), reserve_bytes as f64);
        (free < reserve).then(|| {
            format!(
                "{:.0} MB of disk are free, {:.0} MB are kept in reserve: reports are refused until some is freed",
                free / MB,
                reserve / MB
            )
        })
    }

    /// How far the machine's clock is behind the journal.
    pub(crate) fn clock_is_behind(&self) -> tidegate_engine::time::Duration {
        let ms = self.clock_is_behind.load(Ordering::Relaxed);
        tidegate_engine::time::Duration::from_ms(ms)
    }

    pub(crate) fn clock_behind(&self, ms: i64) {
        let ms = u64::try_from(ms).unwrap_or(0);
        let before = self.clock_is_behind.swap(ms, Ordering::Relaxed);
        if before == 0 && ms == 0 {
            return;
        }
        if before == 0 {
            self.clock_jumps.inc();
        }
        self.clock_behind.set(ms as f64 / 1_000.0);
    }
}
