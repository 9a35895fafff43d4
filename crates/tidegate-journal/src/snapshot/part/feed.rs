//! Events that are told to subscribers.

use serde::{Deserialize, Serialize};

use super::{JournalState, Part};
use crate::snapshot::FeedState;

/// Bytes of events in a part, but for the last of them.
const EVENT_BYTES_IN_PART: usize = 32 * 1024;

/// The numbers of the entries that events are, with what they say as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptFeed {
    after: u64,
    events: Vec<(u64, String)>,
}

/// None where there is no more to it than in a snapshot of a version that told nothing, so that such a one
/// is written as it was read.
pub(super) fn parts(state: &JournalState) -> Vec<Part> {
    let FeedState { after, events } = &state.feed;
    let after = *after;
    if events.is_empty() && after == state.sequence {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let (mut some, mut bytes) = (Vec::new(), 0);
    for (sequence, json) in events {
        bytes += json.len();
        some.push((*sequence, json.clone()));
        if bytes >= EVENT_BYTES_IN_PART {
            parts.push(Part::Feed(KeptFeed { after, events: std::mem::take(&mut some) }));
            bytes = 0;
        }
    }
    if !some.is_empty() || parts.is_empty() {
        parts.push(Part::Feed(KeptFeed { after, events: some }));
    }
    parts
}

impl KeptFeed {
    pub(super) fn add_to(self, feed: &mut Option<FeedState>) {
        feed.get_or_insert_with(|| FeedState::nothing(self.after)).events.extend(self.events);
    }
}
