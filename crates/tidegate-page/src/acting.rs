//! An action before it is carried out: what it changes, and for how many cameras.

use askama::Template;

use crate::{NotRendered, PageFrame, asset, filters, wording};

/// What an action changes for cameras.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CamerasMoved {
    /// Cameras that are known.
    pub known: u64,
    /// Those that change to the treatment.
    pub to_treatment: u64,
    /// Those that change to the control.
    pub to_control: u64,
    /// What serves until the start, where that is another run.
    pub served_before: Option<String>,
}

impl CamerasMoved {
    /// What those that change had before.
    fn from(&self, variant: &'static str) -> String {
        self.served_before.clone().unwrap_or_else(|| format!("the {variant}"))
    }
}

/// The ramp step that an action leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RampStep {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The share of cameras that get the treatment.
    pub share: f64,
}

/// Evidence that does not pass, which whoever acts may accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceQuestion {
    /// What is to be accepted, in the name of the interface: `inconclusive` or `failing`.
    pub accept: String,
    /// The evidence, a sentence each.
    pub evidence: Vec<String>,
}

/// An action that somebody is about to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The experiment.
    pub experiment: String,
    /// The action, in the name of the interface.
    pub action: String,
    /// Phase and condition now, in the names of the interface.
    pub from: (String, String),
    /// Phase and condition after it; none where it is not allowed now.
    pub to: Option<(String, String)>,
    /// Where `advance` leads, in the name of the interface.
    pub destination: Option<String>,
    /// The ramp step that `advance` leads to, if it leads to one.
    pub ramp_step: Option<RampStep>,
    /// The revision that the rollout is at.
    pub revision: u64,
    /// What happens next if nobody acts.
    pub next: String,
    /// What it changes.
    pub cameras: CamerasMoved,
    /// What is to be accepted, if anything.
    pub question: Option<EvidenceQuestion>,
}

impl Proposal {
    fn verb(&self) -> &str {
        wording::action(&self.action)
    }

    /// What the action does, whoever does it.
    fn meaning(&self) -> String {
        if let Some(RampStep { number, of, share }) = self.ramp_step {
            let percent = share * 100.0;
            return if of > 1 {
                format!(
                    "It goes on to ramp step {number} of {of}: {percent:.1} % of the cameras get the treatment."
                )
            } else {
                format!("The A/B test begins: {percent:.1} % of the cameras get the treatment.")
            };
        }
        self.meaning_of_action().to_owned()
    }

    fn meaning_of_action(&self) -> &'static str {
        match self.action.as_str() {
            "start" => "The rollout begins.",
            "pause" => {
                "Control is served to every camera until somebody resumes it; its time stands still, and nothing is compared."
            }
            "resume" => "It goes on where it was.",
            "hold" => {
                "It stays at its phase and step: nothing follows by itself until somebody resumes it."
            }
            "advance" => "The treatment is released to every camera, but those that are held back.",
            "complete" => "The rollout ends well: the treatment stays.",
            "roll_back" => {
                "Control is served to every camera at once, and this run never serves the treatment again."
            }
            "stop" => "The rollout ends without a verdict; control is served.",
            _ => "",
        }
    }

    fn state(state: &(String, String)) -> String {
        wording::state(&state.0, &state.1)
    }

    fn is_grave(&self) -> bool {
        ["roll_back", "stop"].contains(&self.action.as_str())
            || self.destination.as_deref() == Some("full")
    }
}

/// What somebody filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilledIn {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[derive(Template)]
#[template(path = "act.html")]
struct ActPage<'a> {
    frame: &'a PageFrame,
    proposal: &'a Proposal,
    filled_in: &'a FilledIn,
    fault: Option<&'a str>,
}

/// Asks whether an action is meant, and why; `fault` is what was wrong when it was asked before.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn confirm(
    frame: &PageFrame,
    proposal: &Proposal,
    filled_in: &FilledIn,
    fault: Option<&str>,
) -> Result<String, NotRendered> {
    Ok(ActPage { frame, proposal, filled_in, fault }.render()?)
}
