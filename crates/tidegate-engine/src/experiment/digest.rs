//! The fingerprint of a definition.

use core::fmt;

use xxhash_rust::xxh3::Xxh3;

use super::defaults::{ALERT_RATE_RISE_PCT, FULL};
use super::settings::{
    Ab, AssignmentRules, Bounds, Experiment, Full, Guardrails, LabelTrust, Promotion, RampStep,
    Shadow,
};
use crate::assignment::Group;
use crate::limits;
use crate::review::{ClipUrl, PromotedBy, ReviewRules};

/// A fingerprint of a whole definition; shown as 32 hex digits.
///
/// XXH3-128 over every setting in a fixed order. It stands in every decision, so that evidence can be
/// told from evidence under other limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Hashes every setting in a fixed order; texts carry their length, so none runs into the next.
///
/// Every struct is taken apart without `..`, so that a new setting cannot be forgotten here.
pub(super) fn digest(experiment: &Experiment) -> Digest {
    let Experiment {
        key,
        control,
        treatment,
        prompt,
        alert_threshold,
        salt,
        shadow,
        ab,
        guardrails,
        promotion,
        trust,
        full,
        assignment,
        bounds,
        review,
    } = experiment;
    let mut hash = Xxh3::new();
    for text in [key.as_str(), control.as_str(), treatment.as_str(), salt.as_str()] {
        feed_text(&mut hash, text);
    }
    let Shadow { duration, sample, latency_warning_threshold, gate } = shadow;
    feed(&mut hash, u64::from(alert_threshold.value()));
    feed(&mut hash, duration.ms());
    feed(&mut hash, sample.value().to_bits());
    feed(&mut hash, latency_warning_threshold.value().to_bits());
    feed(&mut hash, *gate as u64);

    feed_ab(&mut hash, ab);
    feed_guardrails(&mut hash, guardrails);
    let Promotion { min_fp_reduction, mode, feedback_grace } = promotion;
    feed(&mut hash, min_fp_reduction.value().to_bits());
    feed(&mut hash, *mode as u64);
    feed(&mut hash, feedback_grace.ms());

    let group = feed_assignment(&mut hash, assignment);

    let Bounds { cameras_max, open_analyses_max, attribution_window, discordant_max } = bounds;
    feed(&mut hash, *cameras_max as u64);
    feed(&mut hash, *open_analyses_max as u64);
    feed(&mut hash, attribution_window.ms());
    // Fed last and only where there is one, so that every digest from before there were prompts stands.
    if let Some(prompt) = prompt {
        feed_text(&mut hash, prompt.as_str());
    }
    let Full { holdback, watch } = full;
    if *full != FULL {
        feed_text(&mut hash, "full");
        feed(&mut hash, holdback.value().to_bits());
        feed(&mut hash, watch.ms());
    }
    if *trust != LabelTrust::Checked {
        feed_text(&mut hash, "feedback.trust");
        feed(&mut hash, *trust as u64);
    }
    if *discordant_max != limits::DISCORDANT_DEFAULT {
        feed_text(&mut hash, "limits.discordant_max");
        feed(&mut hash, *discordant_max as u64);
    }
    if let Some(review) = review {
        feed_review(&mut hash, review);
    }
    if let Some(group) = group {
        feed_group(&mut hash, group);
    }
    Digest(hash.digest128())
}

fn feed_ab(hash: &mut Xxh3, ab: &Ab) {
    let Ab { share, duration, steps, on_expiry } = ab;
    feed(hash, share.value().to_bits());
    feed(hash, duration.ms());
    feed(hash, *on_expiry as u64);
    feed(hash, steps.len() as u64);
    for RampStep { share, dwell } in steps {
        feed(hash, share.value().to_bits());
        feed(hash, dwell.ms());
    }
}

/// The group is left to whoever calls, as it is fed last.
fn feed_assignment<'a>(hash: &mut Xxh3, assignment: &'a AssignmentRules) -> Option<&'a Group> {
    let AssignmentRules { method, block, cameras, overrides, group } = assignment;
    feed(hash, *method as u64);
    feed(hash, block.ms());
    feed(hash, cameras.len() as u64);
    for camera in cameras {
        feed_text(hash, camera.as_str());
    }
    feed(hash, overrides.len() as u64);
    for (camera, variant) in overrides {
        feed_text(hash, camera.as_str());
        feed(hash, *variant as u64);
    }
    group.as_ref()
}

fn feed_group(hash: &mut Xxh3, group: &Group) {
    let Group { name, from, to } = group;
    feed_text(hash, "assignment.group");
    feed_text(hash, name.as_str());
    feed(hash, from.value().to_bits());
    feed(hash, to.value().to_bits());
}

fn feed_review(hash: &mut Xxh3, review: &ReviewRules) {
    let ReviewRules {
        budget,
        max_false_alarm_increase,
        max_missed_threat_increase,
        benefit,
        second_look,
        requirement,
        promoted_by,
        clip_url,
    } = review;
    feed_text(hash, "review");
    feed(hash, *budget as u64);
    for number in [max_false_alarm_increase, max_missed_threat_increase, benefit] {
        feed(hash, number.value().to_bits());
    }
    feed(hash, *second_look as u64);
    feed(hash, *requirement as u64);
    feed_text(hash, clip_url.as_ref().map_or("", ClipUrl::as_str));
    if *promoted_by != PromotedBy::Proved {
        feed_text(hash, "promoted_by");
        feed(hash, *promoted_by as u64);
    }
}

fn feed_guardrails(hash: &mut Xxh3, guardrails: &Guardrails) {
    let Guardrails {
        max_fp_rate_increase,
        max_latency_increase,
        max_error_rate_increase,
        max_slow_rate_increase,
        max_missed_threat_rate_increase,
        max_alert_rate_drop,
        max_alert_rate_rise,
        min_samples,
        rule,
        alpha,
        watch,
    } = guardrails;
    for number in [
        max_fp_rate_increase.value(),
        max_latency_increase.value(),
        max_error_rate_increase.value(),
        max_slow_rate_increase.value(),
        max_missed_threat_rate_increase.value(),
        max_alert_rate_drop.value(),
        alpha.value(),
    ] {
        feed(hash, number.to_bits());
    }
    feed(hash, *min_samples);
    feed(hash, *rule as u64);
    feed(hash, *watch as u64);
    if max_alert_rate_rise.value().to_bits() != ALERT_RATE_RISE_PCT.to_bits() {
        feed_text(hash, "max_alert_rate_rise_pct");
        feed(hash, max_alert_rate_rise.value().to_bits());
    }
}

fn feed(hash: &mut Xxh3, number: u64) {
    hash.update(&number.to_le_bytes());
}

fn feed_text(hash: &mut Xxh3, text: &str) {
    feed(hash, text.len() as u64);
    hash.update(text.as_bytes());
}
