//! What a demonstration asks of its daemon, in the time of the story.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{
    self, AnswerStatus, Assignments, DEFINED, Done, ExperimentDetail, History, HistoryItem,
    OBSERVATIONS_MAX, Observation, ObservationAnswers, Status,
};

use super::fleet::{ServedAnswer, Shadowed};
use super::process::Process;
use crate::client::{self, Body};
use crate::failure::Failure;

/// Where the story begins: any day would do.
const BEGAN_MS: i64 = 1_772_323_200_000;
const MINUTE_MS: i64 = 60_000;

impl Process {
    /// Lets it be so many minutes after the beginning.
    pub(super) fn set_time(&self, minutes: i64) -> Result<(), Failure> {
        let at = Timestamp::from_ms(BEGAN_MS + minutes * MINUTE_MS);
        let now = api::shown(at.unwrap_or(Timestamp::EPOCH));
        let body = client::json(&json!({ "now": now }))?;
        let _: Value = self.client.post(&["v1", "time"], Body::Json(&body))?;
        Ok(())
    }

    pub(super) fn define(&self, key: &str, text: &str) -> Result<(), Failure> {
        let path = ["v1", "experiments", key];
        let _: ExperimentDetail = self.client.put(&path, Body::Toml(text.as_bytes()))?;
        Ok(())
    }

    pub(super) fn start_rollout(&self, key: &str, reason: &str) -> Result<(), Failure> {
        let body = json!({ "action": "start", "reason": reason, "actor": "demo" });
        let path = ["v1", "experiments", key, "actions"];
        let _: Done = self.client.post(&path, Body::Json(&client::json(&body)?))?;
        Ok(())
    }

    pub(super) fn status(&self, key: &str) -> Result<Status, Failure> {
        Ok(self.client.get(&["v1", "experiments", key, "status"])?)
    }

    pub(super) fn history(&self, key: &str) -> Result<Vec<HistoryItem>, Failure> {
        let history: History = self.client.get(&["v1", "experiments", key, "history"])?;
        Ok(history.items)
    }

    pub(super) fn assignments(
        &self,
        key: &str,
        cameras: &[String],
    ) -> Result<BTreeMap<String, ServedAnswer>, Failure> {
        let body = client::json(&json!({ "camera_ids": cameras }))?;
        let path = ["v1", "experiments", key, "assignments"];
        let answer: Assignments<'_> = self.client.post(&path, Body::Json(&body))?;
        let told = answer.assignments.into_iter().map(|assigned| {
            let treated = assigned.variant == Variant::Treatment.as_str();
            let variant = if treated { Variant::Treatment } else { Variant::Control };
            let shadowed = if assigned.shadow_sample > 0.0 { Shadowed::Yes } else { Shadowed::No };
            (assigned.camera_id.into_owned(), ServedAnswer { variant, shadowed })
        });
        Ok(told.collect())
    }

    /// Sends reports, and tells how many were acknowledged.
    pub(super) fn send(&self, reports: &[Observation]) -> Result<u64, Failure> {
        let mut acknowledged = 0;
        for batch in reports.chunks(OBSERVATIONS_MAX) {
            let body = client::json(&batch)?;
            let answers: ObservationAnswers =
                self.client.post(&["v1", "observations"], Body::Json(&body))?;
            if let Some(answer) =
                answers.results.iter().find(|answer| answer.status == AnswerStatus::Rejected)
            {
                return Err(Failure::Unmet(format!("the daemon rejects a report: {answer:?}")));
            }
            acknowledged += answers.results.len() as u64;
        }
        Ok(acknowledged)
    }

    /// Prints the steps of a rollout that were not told yet, and tells how many have been.
    pub(super) fn tell_steps(
        &self,
        key: &str,
        cameras: &[String],
        told: usize,
        out: &mut impl Write,
    ) -> Result<usize, Failure> {
        let history = self.history(key)?;
        for item in history.iter().skip(told).filter(|item| item.cause != DEFINED) {
            let assigned = self.assignments(key, cameras)?;
            let treated =
                assigned.values().filter(|told| told.variant == Variant::Treatment).count();
            let what = format!(
                "{:<12} {} (treatment: {treated} of {} cameras)",
                item.to,
                item.reason,
                cameras.len()
            );
            line(out, minutes_of(item), &what)?;
        }
        Ok(history.len())
    }
}

/// When a step was taken, in minutes of the story.
fn minutes_of(item: &HistoryItem) -> i64 {
    let at: Result<jiff::Timestamp, _> = item.at.parse();
    at.map_or(0, |at| (at.as_millisecond() - BEGAN_MS) / MINUTE_MS)
}

/// Prints what happened, with the day and hour of the story.
pub(super) fn line(out: &mut impl Write, minutes: i64, what: &str) -> Result<(), Failure> {
    let (day, hour, minute) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    writeln!(out, "  day {day} {hour:02}:{minute:02}  {what}")?;
    out.flush()?;
    Ok(())
}
