//! What an owner decides about the review.

use alloc::boxed::Box;
use alloc::string::String;

use crate::id::AnalysisId;
use crate::limits;
use crate::number::Share;
use crate::review::card::SecondLook;

/// The review of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewRules {
    /// Most cards that are drawn, 1 to 2,000.
    pub budget: usize,
    /// Most false alarms more for each alert of the control.
    pub max_false_alarm_increase: Share,
    /// Most missed threats more for each alert of the control.
    pub max_missed_threat_increase: Share,
    /// Least false alarms fewer for each alert of the control that are worth it.
    pub benefit: Share,
    /// Whether a yes gets a second look.
    pub second_look: SecondLook,
    /// Whether the gate waits for it.
    pub requirement: Requirement,
    /// What of it is enough for a promotion where the A/B test by itself proves nothing.
    pub promoted_by: PromotedBy,
    /// Where a reviewer sees an event.
    pub clip_url: Option<ClipUrl>,
}

/// Whether the gate of the shadow waits for a verdict of the review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// It waits.
    Required,
    /// Without a verdict it goes by the comparisons alone.
    Optional,
}

/// Which verdict of a review is enough for a promotion, unless the A/B test after it speaks against the treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotedBy {
    /// None: the test must prove it.
    Nothing,
    /// That false alarms fell by the benefit, and missed threats did not rise beyond their limit.
    Proved,
    /// That neither rose beyond its limit.
    Harmless,
}

impl ReviewRules {
    /// 200 cards, limits of 0.05 and a benefit of 0.10 for each alert of the control, a second look at each yes, a gate
    /// that waits, and a promotion by what it proved.
    #[expect(clippy::missing_panics_doc, reason = "the defaults are constants within their range")]
    pub fn new() -> Self {
        let share = |share| Share::new(share).expect("a default is within its range");
        Self {
            budget: 200,
            max_false_alarm_increase: share(0.05),
            max_missed_threat_increase: share(0.05),
            benefit: share(0.1),
            second_look: SecondLook::AfterYes,
            requirement: Requirement::Required,
            promoted_by: PromotedBy::Proved,
            clip_url: None,
        }
    }
}

impl Default for ReviewRules {
    fn default() -> Self {
        Self::new()
    }
}

/// The address of an event's clip, with a place for its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipUrl(Box<str>);

/// A text that is no address of a clip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a clip's address of {bytes} bytes is not allowed: http:// or https:// with {{event_id}} in it, up to {} bytes without \
     spaces and control characters",
    limits::CLIP_URL_LEN_MAX
)]
pub struct InvalidClipUrl {
    bytes: usize,
}

impl ClipUrl {
    const PLACE: &'static str = "{event_id}";

    /// Takes a template such as `https://nvr.example/clips/{event_id}`.
    ///
    /// # Errors
    /// [`InvalidClipUrl`] for anything that is no web address or has no place for the id.
    pub fn new(template: &str) -> Result<Self, InvalidClipUrl> {
        let is_web = ["http://", "https://"].iter().any(|scheme| template.starts_with(scheme));
        let is_clean = !template.chars().any(|c| c.is_control() || c.is_whitespace());
        let fits = template.len() <= limits::CLIP_URL_LEN_MAX;
        if is_web && is_clean && fits && template.contains(Self::PLACE) {
            Ok(Self(template.into()))
        } else {
            Err(InvalidClipUrl { bytes: template.len() })
        }
    }

    /// The template as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where `event` is seen. An id may have a slash or a colon, which would be parts of the address: they are encoded
    /// (RFC 3986, section 2.1), as whatever serves the clip decodes them.
    pub fn of(&self, event: &AnalysisId) -> String {
        let event = event.as_str().replace('/', "%2F").replace(':', "%3A");
        self.0.replace(Self::PLACE, &event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_place_for_the_event() {
        let url = ClipUrl::new("https://nvr.example/clips/{event_id}.mp4").unwrap();
        assert_eq!(url.of(&"evt-1".parse().unwrap()), "https://nvr.example/clips/evt-1.mp4");
        let url = ClipUrl::new("https://nvr.example/clips?id={event_id}").unwrap();
        let odd = url.of(&"site-1/cam:7.a_b".parse().unwrap());
        assert_eq!(odd, "https://nvr.example/clips?id=site-1%2Fcam%3A7.a_b");
        for wrong in ["", "https://nvr.example/", "file:///{event_id}", "https://a b/{event_id}"] {
            assert!(ClipUrl::new(wrong).is_err(), "{wrong}");
        }
    }
}
