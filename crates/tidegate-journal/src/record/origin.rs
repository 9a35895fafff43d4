//! What a report says of where it belongs, as it is kept.

use serde::{Deserialize, Serialize};
use tidegate_engine::observation::{Origin, RunNamed};
use tidegate_engine::time::Timestamp;

use crate::codes::Coded;
use crate::record::Unreadable;

/// An origin as it is kept.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptOrigin {
    run: u8,
    observed_ms: Option<i64>,
}

impl From<Origin> for KeptOrigin {
    fn from(origin: Origin) -> Self {
        let observed_ms = origin.observed_at.map(Timestamp::ms);
        Self { run: origin.run.code(), observed_ms }
    }
}

impl TryFrom<KeptOrigin> for Origin {
    type Error = Unreadable;

    fn try_from(kept: KeptOrigin) -> Result<Self, Unreadable> {
        let observed_at = kept.observed_ms.map(Timestamp::from_ms).transpose()?;
        Ok(Self { run: RunNamed::of_code(kept.run)?, observed_at })
    }
}
