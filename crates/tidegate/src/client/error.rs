//! Why a daemon gave no answer, or refused.

use std::fmt;
use std::time::Duration;

use tidegate_spec::api::Problem;

use crate::printable::printable;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Nobody answers there, or not in time.
    #[error(
        "cannot reach the daemon at {url}: {why}\n\
         hint: `tidegate serve` starts one; --server names another"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// Its certificate is not one to trust.
    #[error(
        "cannot trust the daemon at {url}: {why}\n\
         hint: --ca names the certificate of a private authority"
    )]
    Untrusted {
        /// Where it was looked for.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// What answers is no daemon, or a much newer one.
    #[error("cannot read the answer from {url}: {why}\nhint: is this the address of a daemon?")]
    NotUnderstood {
        /// Who answered.
        url: String,
        /// What was wrong.
        why: String,
    },
    /// It answered with an error.
    #[error("{0}")]
    Refused(Box<Refusal>),
}

/// An error that the daemon answered with.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the daemon said; none where something before it answered, such as a proxy.
    pub problem: Option<Problem>,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

/// Whose turn it is after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The input must change.
    ChangeInput,
    /// A permission or the rollout must change.
    ChangeCircumstances,
    /// The same request may do later.
    TryLater,
}

impl DaemonError {
    /// Whose turn it is.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unreachable { .. } => Remedy::TryLater,
            Self::Untrusted { .. } | Self::NotUnderstood { .. } => Remedy::ChangeCircumstances,
            Self::Refused(refusal) => refusal.remedy(),
        }
    }

    /// When the daemon wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Unreachable { .. } | Self::Untrusted { .. } | Self::NotUnderstood { .. } => None,
        }
    }

    /// The error without its hints, in one line.
    pub(crate) fn in_one_line(&self) -> String {
        self.to_string().lines().next().unwrap_or_default().to_owned()
    }
}

impl Refusal {
    fn remedy(&self) -> Remedy {
        match self.status {
            400 | 422 => Remedy::ChangeInput,
            408 | 429 | 500..=599 => Remedy::TryLater,
            _ => Remedy::ChangeCircumstances,
        }
    }

    /// Whether the daemon gave this code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.code == code)
    }

    /// The stable name of the error and its sentence.
    pub(crate) fn code_and_detail(&self) -> (String, String) {
        match &self.problem {
            Some(problem) => (printable(&problem.code), printable(&problem.detail)),
            None => (format!("status {}", self.status), "no problem details".to_owned()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.remedy() {
            Remedy::ChangeInput | Remedy::ChangeCircumstances => "the daemon refused",
            Remedy::TryLater => "the daemon cannot do it now",
        };
        let Some(problem) = &self.problem else {
            return write!(f, "{who}: status {} without problem details", self.status);
        };
        let (code, detail) = self.code_and_detail();
        write!(f, "{who}: {code}: {detail}")?;
        for fault in &problem.faults {
            let pointer = if fault.pointer.is_empty() { "/" } else { &fault.pointer };
            write!(f, "\n  {}: {}", printable(pointer), printable(&fault.detail))?;
        }
        if let Some(id) = &problem.request_id {
            write!(f, "\n  request {}", printable(id))?;
        }
        hint(&problem.code).map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

/// What to do about an error, where the daemon's sentence is about what it found alone.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "unknown_experiment" => Some("`tidegate experiment list` prints those that there are"),
        "unauthorized" => Some("a token comes with --token-file, or in TIDEGATE_TOKEN"),
        "unknown_prompt" => Some("`tidegate prompt list` prints those that there are"),
        "experiment_running" => {
            Some("`tidegate experiment stop` or `roll-back` ends the run first")
        }
        _ => None,
    }
}
