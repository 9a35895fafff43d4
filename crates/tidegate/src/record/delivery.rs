//! Brings one batch to the daemon, however often that takes.

use std::io::{self, Write};

use tidegate_spec::api::{AnswerStatus, ObservationAnswer, ObservationAnswers};

use super::batch::Numbered;
use super::patience::Patience;
use super::rejection::RejectedLine;
use crate::client::error::{DaemonError, Remedy};
use crate::client::{Body, Client};
use crate::clock::Stopwatch;
use crate::failure::Failure;

/// Sends a batch.
#[derive(Debug)]
pub(super) struct BatchSender<'a> {
    client: &'a Client,
    patience: &'a mut Patience,
    requests: u64,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    pub(super) accepted: u64,
    pub(super) duplicate: u64,
    pub(super) rejected: Vec<RejectedLine>,
}

impl<'a> BatchSender<'a> {
    pub(super) fn new(client: &'a Client, patience: &'a mut Patience) -> Self {
        Self { client, patience, requests: 0 }
    }

    /// Requests so far, those that failed included.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Sends the lines. A batch that is refused for what is in it is cut in two, down to the line at fault, so
    /// that one line never holds up the rest.
    pub(super) fn deliver(&mut self, lines: &[Numbered]) -> Result<Delivered, Failure> {
        let mut delivered = Delivered::default();
        let mut parts = vec![lines];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.send(part)? {
                Sent::Answered(answers) => delivered.add(part, answers),
                Sent::Refused(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Sent::Refused(why) => {
                    delivered.rejected.push(RejectedLine { line: part[0].number, why });
                }
            }
        }
        Ok(delivered)
    }

    fn send(&mut self, lines: &[Numbered]) -> Result<Sent, Failure> {
        let mut body = Vec::new();
        for line in lines {
            body.extend_from_slice(&line.text);
            body.push(b'\n');
        }
        let began = Stopwatch::started();
        let mut told = false;
        loop {
            self.requests += 1;
            let answer = self.client.post(&["v1", "observations"], Body::Ndjson(&body));
            let error = match answer {
                Ok(answers) => {
                    self.patience.restore();
                    return self.checked(answers, lines);
                }
                Err(error) => error,
            };
            match (&error, error.remedy()) {
                (DaemonError::Refused(refusal), Remedy::ChangeInput) => {
                    let (code, detail) = refusal.code_and_detail();
                    return Ok(Sent::Refused(format!("{code}: {detail}")));
                }
                (_, Remedy::ChangeInput | Remedy::ChangeCircumstances) => return Err(error.into()),
                (_, Remedy::TryLater) => {}
            }
            let wait = self.patience.next_wait(began.elapsed(), error.retry_after());
            let Some(wait) = wait else { return Err(error.into()) };
            if !told {
                let (why, whole) = (error.in_one_line(), self.patience.whole().as_secs());
                writeln!(io::stderr(), "tidegate: {why}; trying again for up to {whole} s")?;
                told = true;
            }
            std::thread::sleep(wait);
        }
    }

    fn checked(&self, answers: ObservationAnswers, lines: &[Numbered]) -> Result<Sent, Failure> {
        if answers.results.len() == lines.len() {
            return Ok(Sent::Answered(answers));
        }
        let (sent, answered) = (lines.len(), answers.results.len());
        let why = format!("{answered} answers to {sent} observations");
        Err(self.client.not_understood(why).into())
    }
}

/// How one request ended.
enum Sent {
    Answered(ObservationAnswers),
    /// For what is in it, and why.
    Refused(String),
}

impl Delivered {
    fn add(&mut self, lines: &[Numbered], answers: ObservationAnswers) {
        for (line, answer) in lines.iter().zip(answers.results) {
            match answer.status {
                AnswerStatus::Accepted => self.accepted += 1,
                AnswerStatus::Duplicate => self.duplicate += 1,
                AnswerStatus::Rejected => {
                    self.rejected.push(RejectedLine { line: line.number, why: why(&answer) });
                }
            }
        }
    }
}

/// Why an observation was rejected. The place within the request is left out, as the line is named.
fn why(answer: &ObservationAnswer) -> String {
    let mut why = answer.code.clone().unwrap_or_else(|| "rejected".to_owned());
    if let Some(pointer) = &answer.pointer {
        let within = pointer.trim_start_matches('/');
        let (first, rest) = within.split_once('/').unwrap_or((within, ""));
        let field = if first.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { within };
        if !field.is_empty() {
            why = format!("{why} at /{field}");
        }
    }
    if let Some(detail) = &answer.detail {
        why = format!("{why}: {detail}");
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_names_the_field_within_its_line() {
        let said = |pointer: Option<&str>| {
            why(&ObservationAnswer {
                status: AnswerStatus::Rejected,
                code: Some("invalid_field".to_owned()),
                pointer: pointer.map(str::to_owned),
                detail: Some("is missing".to_owned()),
            })
        };
        assert_eq!(said(Some("/17/control/score")), "invalid_field at /control/score: is missing");
        assert_eq!(said(Some("/score")), "invalid_field at /score: is missing");
        assert_eq!(said(Some("/17")), "invalid_field: is missing");
        assert_eq!(said(None), "invalid_field: is missing");
    }
}
