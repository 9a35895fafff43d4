//! An action before it is carried out: what it changes, and for how many cameras.

use askama::Template;

use crate::{NotRendered, PageFrame, asset, filters, wording};

/// What an action changes for cameras.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CamerasMoved {
    /// Cameras that are known.
    pub known: u64,
    /// Those that change from the control to the treatment.
    pub to_treatment: u64,
    /// Those that change from the treatment to the control.
    pub to_control: u64,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The experiment.
    pub experiment: String,
    /// The action, in the name of the interface.
    pub action: String,
    /// Phase and condition now.
    pub from: String,
    /// Phase and condition after it; none where it is not allowed now.
    pub to: Option<String>,
    /// Where `advance` leads, in the name of the interface.
    pub destination: Option<String>,
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
    fn meaning(&self) -> &'static str {
        match self.action.as_str() {
            "start" => "The rollout begins.",
            "pause" => {
                "Control is served to every camera until somebody resumes it; its time stands still, and nothing is compared."
            }
            "resume" => "It goes on where it was.",
            "hold" => {
                "It stays at its phase and step: nothing follows by itself until somebody resumes it."
            }
            "advance" => "It goes on to what follows without waiting any longer.",
            "complete" => "The rollout ends well: the treatment stays.",
            "roll_back" => {
                "Control is served to every camera at once, and this run never serves the treatment again."
            }
            "stop" => "The rollout ends without a verdict; control is served.",
            _ => "",
        }
    }

    fn is_grave(&self) -> bool {
        ["roll_back", "stop"].contains(&self.action.as_str())
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
