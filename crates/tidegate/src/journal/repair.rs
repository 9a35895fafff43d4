//! `tidegate journal repair` and `rewind`: say what would be lost, then go on from what is whole, or was at a time.

use std::io::Write;

use serde::Serialize;
use tidegate_daemon::AfterRepair;
use tidegate_journal::{Consent, GoOnFrom, Loss, LostEntries, RepairError, Repaired, repair};
use tidegate_spec::api::shown;

use super::{Folder, answer, by_child, must_exist};
use crate::failure::Failure;

/// What a repair did, for people and programs.
#[derive(Serialize)]
struct RepairDone {
    #[serde(flatten)]
    repaired: Repaired,
    /// Experiments that serve control until a person resumes them, and how they stood before.
    paused: Vec<Paused>,
    /// Experiments that go on serving the treatment of a completed run.
    completed: Vec<String>,
    /// Prompts whose label `production` was pointed back to the control of a paused rollout.
    production_back: Vec<String>,
}

#[derive(Serialize)]
struct Paused {
    experiment: String,
    before: String,
}

/// What a repair would lose, for people and programs.
#[derive(Serialize)]
struct WouldLose {
    /// The last entry that would be kept.
    last: u64,
    last_at: Option<String>,
    acknowledged: Option<u64>,
    /// What can still be read of what would be lost.
    lost: Vec<LostKind>,
    /// How many acknowledged entries cannot be read; none where the mark cannot be read either.
    unreadable: Option<u64>,
}

#[derive(Serialize)]
struct LostKind {
    kind: String,
    count: u64,
    first_at: String,
    last_at: String,
}

pub(super) fn repaired(
    folder: &Folder,
    from: GoOnFrom<'_>,
    consent: Consent,
    out: &mut impl Write,
) -> Result<(), Failure> {
    must_exist(&folder.data)?;
    let mut after = AfterRepair::default();
    let mut lost = None;
    let check = by_child(&folder.data)?;
    let agree = |loss: &Loss| {
        lost = Some(WouldLose::of(loss));
        consent
    };
    let repaired = repair(&folder.data, from, check, agree, |journal, opened, repaired| {
        if repaired.may_lack_entries() {
            after = tidegate_daemon::pause_all(journal, opened)?;
        }
        Ok(())
    });
    match (repaired, lost) {
        (Err(RepairError::NotAgreed), Some(lost)) => {
            answer(folder.format, &lost.text(from), &lost, out)?;
            let why = "nothing was changed: `--yes` goes on without what would be lost";
            Err(Failure::Unmet(why.to_owned()))
        }
        (repaired, _) => {
            let done = RepairDone::new(repaired?, &after);
            answer(folder.format, &done.text(), &done, out)
        }
    }
}

impl WouldLose {
    fn of(loss: &Loss) -> Self {
        let kinds = loss.readable.iter().map(|LostEntries { kind, count, first_at, last_at }| {
            let (first_at, last_at) = (shown(*first_at), shown(*last_at));
            LostKind { kind: kind.to_string(), count: *count, first_at, last_at }
        });
        Self {
            last: loss.last,
            last_at: loss.last_at.map(shown),
            acknowledged: loss.acknowledged,
            lost: kinds.collect(),
            unreadable: loss.unreadable,
        }
    }

    /// The same in sentences.
    fn text(&self, from: GoOnFrom<'_>) -> String {
        let at = |at: &Option<String>| at.as_ref().map_or(String::new(), |at| format!(" ({at})"));
        let acknowledged = match self.acknowledged {
            Some(acknowledged) => format!("acknowledged was to entry {acknowledged}"),
            None => "how far was acknowledged is not known".to_owned(),
        };
        let mut lines = vec![format!(
            "it would go on after entry {}{}; {acknowledged}",
            self.last,
            at(&self.last_at)
        )];
        if let GoOnFrom::Export(_) = from {
            lines.push(
                "whether the export is one of this journal, its numbers do not tell".to_owned(),
            );
        }
        if !self.lost.is_empty() || self.unreadable != Some(0) {
            lines.push("lost would be:".to_owned());
        }
        lines.extend(self.lost.iter().map(|LostKind { kind, count, first_at, last_at }| {
            let span =
                if first_at == last_at { first_at } else { &format!("{first_at} to {last_at}") };
            format!("  {count} × {kind}, {span}")
        }));
        match (self.unreadable, &self.last_at) {
            (Some(0), _) => {}
            (Some(count), Some(after)) => {
                lines.push(format!("  {count} × an entry that cannot be read, of after {after}"));
            }
            (Some(count), None) => lines.push(format!("  {count} × an entry that cannot be read")),
            (None, _) => {
                lines.push("  whatever else was acknowledged and cannot be read".to_owned());
            }
        }
        lines.join("\n")
    }
}

impl RepairDone {
    fn new(repaired: Repaired, after: &AfterRepair) -> Self {
        let paused = after.paused.iter().map(|(experiment, before)| Paused {
            experiment: experiment.to_string(),
            before: before.to_string(),
        });
        Self {
            repaired,
            paused: paused.collect(),
            completed: after.completed.iter().map(ToString::to_string).collect(),
            production_back: after.production_back.iter().map(ToString::to_string).collect(),
        }
    }

    /// The same in sentences.
    fn text(&self) -> String {
        let Repaired { moved_to, last, lost, .. } = &self.repaired;
        let lost = match lost {
            Some(lost) => format!("{lost} acknowledged entries lost"),
            None => "how many acknowledged entries are lost is not known".to_owned(),
        };
        let mut lines = vec![format!(
            "the journal goes on after entry {last}, {lost}; the files from before are in {}",
            moved_to.display()
        )];
        let paused = self.paused.iter().map(|one| format!("{} ({})", one.experiment, one.before));
        let paused: Vec<String> = paused.collect();
        let of = |sentence: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{sentence}: {}", names.join(", ")))
        };
        lines.extend(of(
            "a rollback may be among what is lost, so these serve control until you resume them",
            &paused,
        ));
        lines.extend(of("`production` points to the control again of", &self.production_back));
        lines.extend(of(
            "these go on serving the treatment of a completed run; look whether a later run is missing",
            &self.completed,
        ));
        lines.join("\n")
    }
}
