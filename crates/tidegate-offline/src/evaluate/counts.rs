//! What became of every case of a data set.

use std::collections::BTreeMap;

use serde::Serialize;
use tidegate_engine::id::PromptKey;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_spec::{Case, Faults};

use crate::rejected::{self, ByVariantCount, RejectedPart, SHOWN_MAX};

/// What became of every case, and of the answers of the two prompts.
#[derive(Debug, Default, Serialize)]
pub struct CaseCounts {
    /// Cases read.
    pub(crate) read: u64,
    /// Cases that are not valid, which no metric knows of.
    pub rejected: u64,
    /// The same by what is wrong, and by whose answer it is wrong in.
    pub(crate) rejected_by: BTreeMap<CaseFault, ByVariantCount>,
    /// The first of them.
    pub rejected_cases: Vec<RejectedCase>,
    /// Answers of each prompt, valid or not.
    pub(crate) answers: ByVariantCount,
    /// Words that stand for no number, such as `NaN`.
    pub(crate) no_value: u64,
    /// Hidden files and folders that were left out.
    pub(crate) hidden: u64,
}

/// What is wrong with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseFault {
    /// It is no JSON object at all.
    Form,
    /// Its id, or that another has it.
    Id,
    /// What is expected of it.
    Expected,
    /// What a prompt answered.
    Answers,
    /// Another field, or one that is not known.
    Field,
}

impl CaseFault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Id => "id",
            Self::Expected => "expected",
            Self::Answers => "answers",
            Self::Field => "field",
        }
    }
}

/// One rejected case.
#[derive(Debug, Serialize)]
pub struct RejectedCase {
    /// Its line or file.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

impl CaseCounts {
    pub(crate) fn take(&mut self, case: &Case, keys: ByVariant<&PromptKey>) {
        self.read += 1;
        for variant in Variant::ALL {
            if case.answers.contains_key(keys[variant]) {
                self.answers.add(Some(variant), 1);
            }
        }
    }

    pub(crate) fn reject(
        &mut self,
        place: String,
        fault: CaseFault,
        variant: Option<Variant>,
        why: String,
    ) {
        self.read += 1;
        self.rejected += 1;
        self.rejected_by.entry(fault).or_default().add(variant, 1);
        if variant.is_some() {
            self.answers.add(variant, 1);
        }
        if self.rejected_cases.len() < SHOWN_MAX {
            self.rejected_cases.push(RejectedCase { place, why });
        }
    }

    /// Why there is no verdict on these cases, where more than `max` percent of them were rejected.
    pub(crate) fn refusal(&self, max: f64) -> Option<String> {
        let lost = |of: fn(&ByVariantCount) -> u64| self.rejected_by.values().map(of).sum::<u64>();
        let parts = [
            (self.rejected, self.read, "the cases"),
            (lost(|by| by.control), self.answers.control, "the control's answers"),
            (lost(|by| by.treatment), self.answers.treatment, "the treatment's answers"),
        ];
        let parts = parts.map(|(rejected, whole, what)| RejectedPart { rejected, whole, what });
        rejected::refusal(&parts, max, "Mend the cases")
    }

    /// What a person must know beside a verdict, a sentence a line.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.rejected > 0 {
            remarks.push(format!("cases: {} read, {} rejected", self.read, self.rejected));
        }
        for (fault, by_variant) in &self.rejected_by {
            remarks.push(format!("rejected for {}: {}", fault.as_str(), by_variant.shown()));
        }
        for (count, what) in [
            (self.no_value, "values such as NaN read as no value"),
            (self.hidden, "hidden files or folders, left out"),
        ] {
            if count > 0 {
                remarks.push(format!("{what}: {count}"));
            }
        }
        remarks
    }
}

/// What the first fault of a case is about.
pub(crate) fn kind(faults: &Faults) -> CaseFault {
    let path = faults.iter().next().map_or("", |fault| fault.path.as_str());
    match path.split('.').next() {
        Some("id") => CaseFault::Id,
        Some("expected") => CaseFault::Expected,
        Some("answers") => CaseFault::Answers,
        Some(_) | None => CaseFault::Field,
    }
}

/// Whose answer the faults are in; none where they are in both, or elsewhere too.
pub(crate) fn variant(faults: &Faults, keys: ByVariant<&PromptKey>) -> Option<Variant> {
    let mut variants = faults.iter().map(|fault| {
        let answer = fault.path.strip_prefix("answers.")?;
        let of = |variant: &Variant| {
            let rest = answer.strip_prefix(keys[*variant].as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // A key may be the beginning of another, as `v1` is of `v1.2`.
        let named = Variant::ALL.into_iter().filter(of);
        named.max_by_key(|variant| keys[*variant].as_str().len())
    });
    let first = variants.next()??;
    variants.all(|other| other == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_of_the_variant_whose_answer_it_is_in() {
        let keys: [PromptKey; 2] = ["v1", "v1.2"].map(|key| key.parse().unwrap());
        let keys = ByVariant { control: &keys[0], treatment: &keys[1] };
        let case = |answers: &str| {
            let text = format!(
                r#"{{"id": "a", "expected": {{"score": {{"min": 0, "max": 9}}, "level": "low"}}, "answers": {answers}}}"#
            );
            let Err(tidegate_spec::ParseError::Faults(faults)) = Case::parse(&text) else {
                panic!("{text}");
            };
            (kind(&faults), variant(&faults, keys))
        };
        let (control, treatment) = (Some(Variant::Control), Some(Variant::Treatment));
        for (answers, fault, of) in [
            (r#"{"v1": {"latency_ms": -1}}"#, CaseFault::Answers, control),
            (r#"{"v1.2": {"error": "x", "latency_ms": -1}}"#, CaseFault::Answers, treatment),
            (r#"{"v1.2": null}"#, CaseFault::Answers, treatment),
            (r#"{"v1": {}, "v1.2": {}}"#, CaseFault::Answers, None),
            (r#"{"other": {}}"#, CaseFault::Answers, None),
            (r#"{"v1": {}}, "nota": 1"#, CaseFault::Answers, None),
            (r#"{"v1": {"error": "x"}}, "nota": 1"#, CaseFault::Field, None),
        ] {
            assert_eq!(case(answers), (fault, of), "{answers}");
        }
    }
}
