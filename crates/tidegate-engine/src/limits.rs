//! Every bound of the engine, in one place.
//!
//! What lies beyond a bound is refused with the field, the value and the range; nothing is clipped.

use core::ops::RangeInclusive;

use crate::time::Duration;

/// Longest id of any kind, in bytes. The shortest is one byte.
pub const ID_LEN_MAX: usize = 128;
/// Longest latency an analysis may report, in milliseconds (ten minutes).
pub const LATENCY_MS_MAX: f64 = 600_000.0;
/// Highest risk score; the lowest is 0.
pub const RISK_SCORE_MAX: u8 = 100;
/// Latest time the engine accepts: 9999-12-31T23:59:59.999Z, in milliseconds since the Unix epoch.
pub const TIMESTAMP_MS_MAX: i64 = 253_402_300_799_999;
/// Longest duration of a phase, a ramp step or the attribution window, in hours (366 days).
pub const DURATION_HOURS_MAX: f64 = 8_784.0;
/// Most ramp steps of one experiment.
pub const RAMP_STEPS_MAX: usize = 20;
/// Largest `min_samples`.
pub const MIN_SAMPLES_MAX: u64 = 1_000_000;
/// Most cameras one experiment may be allowed to see.
pub const CAMERAS_MAX: usize = 100_000;
/// Cameras one experiment may see unless its definition says otherwise.
pub const CAMERAS_DEFAULT: usize = 10_000;
/// Most analyses whose feedback may be awaited at once.
pub const OPEN_ANALYSES_MAX: usize = 16_777_216;
/// The lengths a block of a switchback may have, in minutes (up to a week).
pub const BLOCK_MINUTES: RangeInclusive<f64> = 1.0..=10_080.0;
/// Most blocks of all cameras together that the test of a switchback may plan.
pub const BLOCKS_MAX: u64 = 1_000_000;
/// Most blocks of all cameras together that are kept: room for a test that is extended and resumed.
pub const BLOCKS_KEPT_MAX: u64 = 4 * BLOCKS_MAX;
/// Most observations of one rollout: no sum over them overflows.
pub const OBSERVATIONS_MAX: u64 = 1 << 33;
/// Analyses whose feedback may be awaited at once unless the definition says otherwise.
pub const OPEN_ANALYSES_DEFAULT: usize = 1_048_576;
/// Hours for which feedback finds its analysis unless the definition says otherwise (7 days).
pub const ATTRIBUTION_HOURS_DEFAULT: f64 = 168.0;
/// How much later than now an observation may say that it happened: clocks differ.
pub const OBSERVED_AHEAD_MAX: Duration = Duration::from_ms(60_000);
/// A shorter absence is not told: a restart after a quiet time counts as one of some minutes.
pub const ABSENCE_TOLD_MIN: Duration = Duration::from_ms(10 * 60_000);
/// Total failure is looked for in what happened within this time; it says nothing about now if it is older.
pub const FRESH_MAX: Duration = Duration::from_ms(30 * 60_000);
/// Most discordant events that a review may keep.
pub const DISCORDANT_MAX: usize = 1_000_000;
/// Discordant events that a review keeps unless the definition says otherwise.
pub const DISCORDANT_DEFAULT: usize = 50_000;
/// Most cards that a review may draw.
pub const REVIEW_BUDGET_MAX: usize = 2_000;
/// Most opinions of one card, skipped ones included.
pub const CARD_OPINIONS_MAX: usize = 16;
/// Longest template of the address of a clip, in bytes.
pub const CLIP_URL_LEN_MAX: usize = 1_000;
/// Longest name of an actor, in bytes.
pub const ACTOR_LEN_MAX: usize = 128;
/// Longest reason an actor may give, in bytes.
pub const REASON_LEN_MAX: usize = 1_000;
/// Longest text of a prompt version, in bytes. The shortest is one byte.
pub const PROMPT_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Most bytes the texts of all prompt versions may have together: every snapshot writes them.
pub const PROMPT_TEXTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most prompts.
pub const PROMPTS_MAX: usize = 200;
/// Most versions of one prompt.
pub const PROMPT_VERSIONS_MAX: usize = 1_000;
/// Most labels of one prompt, those included that were removed; `production` comes on top.
pub const PROMPT_LABELS_MAX: usize = 16;
/// Moves of one label that are kept; the oldest is forgotten first.
pub const LABEL_MOVES_MAX: usize = 100;
/// Least hexadecimal digits that may stand for a whole digest.
pub const DIGEST_PREFIX_LEN_MIN: usize = 8;
