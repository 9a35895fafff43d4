//! A snapshot in parts, each small enough for a frame.

mod predecessor;

use bincode::Options as _;
use serde::{Deserialize, Serialize};
use tidegate_engine::epoch::{Epoch, Epochs, Opens};
use tidegate_engine::experiment::Digest;
use tidegate_engine::exposure::{Alerts, Exposure, Fingerprint, Window};
use tidegate_engine::fast_path::{Added, Excursion, FastPath, OutageHold};
use tidegate_engine::fleet::{BlockSums, CameraSums, Latencies, Sums};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::LabelName;
use tidegate_engine::notice::Noticed;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::Label;
use tidegate_engine::prompt::{self, Version};
use tidegate_engine::rollout::Lifecycle;
use tidegate_engine::snapshot::Snapshot;
use tidegate_engine::tally::{Pairs, Tally};
use tidegate_engine::time::{Block, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::verdict::Verdict;
use tidegate_stats::cusum::Cusum;
use tidegate_stats::quantile::QuantileSketch;

use super::{FeedState, RolloutState, State};
use crate::codes::{Coded, state_codes, state_of_codes};
use crate::record::{
    KeptMove, KeptVersion, PART_BYTES_MAX, RolloutId, Unreadable, bytes, latency_of_us,
};

/// The tag of [`Part::End`].
const END_TAG: u8 = 8;
/// Cameras, blocks, exposures and buckets in a part: so few that it always fits.
const CAMERAS_IN_PART: usize = 48;
const BLOCKS_IN_PART: usize = 256;
const EXPOSURES_IN_PART: usize = 1_024;
const BUCKETS_IN_PART: usize = 2_048;
const ADDED_IN_PART: usize = 2_048;
/// Bytes of events in a part, but for the last of them.
const EVENT_BYTES_IN_PART: usize = 32 * 1024;

/// A piece of a snapshot. The order of the tags is the format: they only grow at the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Part {
    Head {
        sequence: u64,
        at_ms: i64,
    },
    Rollout(Box<Head>),
    Definition {
        text: String,
    },
    Account {
        text: String,
    },
    Latencies {
        of: u8,
        buckets: Vec<(u32, u64)>,
    },
    Cameras(Vec<Camera>),
    Blocks(Vec<KeptBlock>),
    Exposures(Vec<KeptExposure>),
    End {
        parts: u64,
    },
    Prompt {
        name: String,
    },
    Version(KeptVersion<'static>),
    Text {
        text: String,
    },
    LabelMoved {
        label: String,
        step: KeptMove<'static>,
    },
    /// What was told of a rollout already.
    Noticed {
        verdicts: Vec<(u8, u8)>,
        warnings: u64,
        warned_at_ms: Option<i64>,
    },
    /// Events that are told to subscribers.
    Feed {
        after: u64,
        events: Vec<(u64, String)>,
    },
    /// The stretches of a rollout's A/B test: after when, and whether a window opens.
    Epochs(Vec<(i64, bool)>),
    /// What cameras added to a rollout's fast path, and whether an outage holds the rollout.
    FastPath {
        added: Vec<(u32, f64)>,
        drained: f64,
        held: bool,
    },
    /// The ended run that serves until a draft is started, with its definition or a part of it.
    Predecessor {
        run: u32,
        state: (u8, u8),
        text: String,
    },
}

/// A rollout without what there may be many of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    id: u32,
    key: String,
    run: u32,
    digest: u128,
    state: (u8, u8),
    now_ms: i64,
    started_at_ms: Option<i64>,
    phase_ends_ms: Option<i64>,
    step: u32,
    step_ends_ms: Option<i64>,
    paused_at_ms: Option<i64>,
    extensions: u32,
    observations: u64,
    planned_analyses: u64,
    decisions: u32,
    slow_above_us: Option<u32>,
    fast_path: KeptFastPath,
    outside: (KeptTally, KeptTally),
    evicted: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptFastPath {
    sum: f64,
    excursion: Option<KeptExcursion>,
    outage_at_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptExcursion {
    since_ms: i64,
    crossed_at_ms: Option<i64>,
    failures: u64,
    failed_cameras: [Option<u32>; 3],
    control_analyses: u64,
    control_failures: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Camera {
    id: String,
    shadow: KeptTally,
    pairs: KeptPairs,
    ab: (KeptTally, KeptTally),
}

/// A block of the camera of that place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBlock {
    camera: u32,
    block: u64,
    variant: u8,
    tally: KeptTally,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptExposure {
    fingerprint: u128,
    at_ms: i64,
    camera: u32,
    variant: u8,
    window: u8,
    alerts: u8,
    label: Option<u8>,
}

/// Declares the kept shape of sums: the same names, so that none is forgotten.
macro_rules! kept {
    ($kept:ident of $sums:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $kept { $($field: $type),* }

        impl From<&$sums> for $kept {
            fn from(sums: &$sums) -> Self {
                let $sums { $($field),* } = sums;
                Self { $($field: Kept::keep($field)),* }
            }
        }

        impl $kept {
            fn sums(self) -> Result<$sums, Unreadable> {
                Ok($sums { $($field: Kept::restore(self.$field)?),* })
            }
        }
    };
}

/// A field of sums, and what is kept of it.
trait Kept<T>: Sized {
    fn keep(field: &T) -> Self;
    fn restore(self) -> Result<T, Unreadable>;
}

macro_rules! kept_as_it_is {
    ($($type:ty),*) => {$(
        impl Kept<$type> for $type {
            fn keep(field: &$type) -> Self { *field }
            fn restore(self) -> Result<$type, Unreadable> { Ok(self) }
        }
    )*};
}
kept_as_it_is!(u64, i64, u128, [u64; 4]);

impl Kept<Option<RiskScore>> for Option<u8> {
    fn keep(field: &Option<RiskScore>) -> Self {
        field.map(RiskScore::value)
    }

    fn restore(self) -> Result<Option<RiskScore>, Unreadable> {
        Ok(self.map(|score| RiskScore::new(f64::from(score))).transpose()?)
    }
}

impl Kept<ByVariant<Tally>> for (KeptTally, KeptTally) {
    fn keep(field: &ByVariant<Tally>) -> Self {
        ((&field.control).into(), (&field.treatment).into())
    }

    fn restore(self) -> Result<ByVariant<Tally>, Unreadable> {
        Ok(ByVariant { control: self.0.sums()?, treatment: self.1.sums()? })
    }
}

kept! { KeptTally of Tally {
    analyses: u64, errors: u64, timed: u64, latency_us_sum: u64, latency_us_square_sum: u128,
    paced: u64, slow: u64, scored: u64, score_sum: u64, score_square_sum: u64,
    score_min: Option<u8>, score_max: Option<u8>, alerts: u64, labels: [u64; 4],
} }

kept! { KeptPairs of Pairs {
    sides: (KeptTally, KeptTally), control_failed: u64, treatment_failed: u64, both_failed: u64,
    scored: u64, lower: u64, same: u64, higher: u64, score_diff_sum: i64, score_diff_abs_sum: u64,
    score_diff_square_sum: u64, timed: u64, control_latency_us_sum: u64, latency_us_diff_sum: i64,
    latency_us_diff_square_sum: u128, paced: u64, control_slow: u64, treatment_slow: u64,
    control_alerted: u64, treatment_alerted: u64, confirmed: u64, retained: u64,
    latency_warnings: u64,
} }

impl Part {
    /// The part as the payload of a frame.
    pub(crate) fn write(&self, payload: &mut Vec<u8>) -> Result<(), bincode::Error> {
        payload.clear();
        payload.extend_from_slice(&[0, 0]);
        bytes().serialize_into(&mut *payload, self)?;
        let too_long = |_| bincode::Error::from(bincode::ErrorKind::SizeLimit);
        let length = u16::try_from(payload.len() - 2).map_err(too_long)?;
        payload[..2].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    pub(crate) fn read(from: &[u8]) -> Result<Self, Unreadable> {
        Ok(bytes().deserialize(from)?)
    }

    /// Whether the bytes are those of an end, told by their tag.
    pub(crate) fn is_end(from: &[u8]) -> bool {
        from.first() == Some(&END_TAG)
    }

    /// Whether this is the end, and the end of so many parts.
    pub(crate) const fn is_end_of(&self, number: u64) -> Option<bool> {
        if let Self::End { parts } = self { Some(*parts == number) } else { None }
    }

    /// When the snapshot was taken, if this is its head.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        if let Self::Head { at_ms, .. } = self { Timestamp::from_ms(*at_ms).ok() } else { None }
    }
}

/// A state as parts.
pub(crate) fn parts(state: &State) -> impl Iterator<Item = Part> {
    let head = Part::Head { sequence: state.sequence, at_ms: state.at.ms() };
    let mut number = 1;
    std::iter::once(head)
        .chain(state.rollouts.iter().flat_map(rollout_parts))
        .chain(state.prompts.iter().flat_map(prompt_parts))
        .chain(feed_parts(state))
        .map(Some)
        .chain(std::iter::once(None))
        .map(move |part| {
            let end = Part::End { parts: number };
            number += 1;
            part.unwrap_or(end)
        })
}

/// What is told in parts; none where there is no more to it than in a snapshot of a version that told
/// nothing, so that such a one is written as it was read.
fn feed_parts(state: &State) -> Vec<Part> {
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
            parts.push(Part::Feed { after, events: std::mem::take(&mut some) });
            bytes = 0;
        }
    }
    if !some.is_empty() || parts.is_empty() {
        parts.push(Part::Feed { after, events: some });
    }
    parts
}

fn keep_noticed(noticed: &Noticed) -> Option<Part> {
    let Noticed { verdicts, warnings, warned_at } = noticed;
    let verdicts = verdicts.iter().map(|(guardrail, verdict)| (guardrail.code(), verdict.code()));
    (*noticed != Noticed::default()).then(|| Part::Noticed {
        verdicts: verdicts.collect(),
        warnings: *warnings,
        warned_at_ms: ms(*warned_at),
    })
}

/// The stretches of the A/B test in a part; none where there are none.
fn keep_epochs(snapshot: &Snapshot) -> Option<Part> {
    let epochs = snapshot.epochs.as_slice();
    let kept = epochs.iter().map(|epoch| (epoch.after.ms(), epoch.opens == Opens::Window));
    (!epochs.is_empty()).then(|| Part::Epochs(kept.collect()))
}

/// What the head has no room for of the fast path, in parts; none where it is on no excursion.
fn keep_added(snapshot: &Snapshot) -> Vec<Part> {
    let FastPath { added, hold, drained, .. } = &snapshot.fast_path;
    let held = *hold == OutageHold::Yes;
    let part = |some: &[Added]| Part::FastPath {
        added: some.iter().map(|added| (added.camera, added.sum)).collect(),
        drained: *drained,
        held,
    };
    if added.is_empty() && held {
        return vec![part(&[])];
    }
    added.chunks(ADDED_IN_PART).map(part).collect()
}

fn rollout_parts(state: &RolloutState) -> impl Iterator<Item = Part> {
    let snapshot = &state.rollout;
    let latencies = [
        &snapshot.latencies.shadow,
        &snapshot.latencies.ab.control,
        &snapshot.latencies.ab.treatment,
    ];
    let latencies = (0_u8..).zip(latencies).flat_map(|(of, sketch)| {
        let buckets: Vec<(u32, u64)> = sketch.buckets().collect();
        let parts: Vec<Part> = buckets
            .chunks(BUCKETS_IN_PART)
            .map(|buckets| Part::Latencies { of, buckets: buckets.to_vec() })
            .collect();
        parts
    });
    let blocks: Vec<(u32, BlockSums)> = (0_u32..)
        .zip(&snapshot.cameras)
        .flat_map(|(camera, sums)| sums.blocks.iter().map(move |block| (camera, *block)))
        .collect();
    let blocks: Vec<Part> = blocks
        .chunks(BLOCKS_IN_PART)
        .map(|blocks| Part::Blocks(blocks.iter().map(keep_block).collect()))
        .collect();
    let cameras = snapshot.cameras.chunks(CAMERAS_IN_PART);
    let exposures = snapshot.exposures.chunks(EXPOSURES_IN_PART);
    std::iter::once(Part::Rollout(Box::new(keep_head(state))))
        .chain(texts(&state.definition).map(|text| Part::Definition { text: text.to_owned() }))
        .chain(state.accounts.iter().map(|text| Part::Account { text: text.clone() }))
        .chain(predecessor::keep(state.predecessor.as_ref()))
        .chain(keep_noticed(&state.noticed))
        .chain(keep_epochs(snapshot))
        .chain(keep_added(snapshot))
        .chain(latencies)
        .chain(cameras.map(|cameras| Part::Cameras(cameras.iter().map(keep_camera).collect())))
        .chain(blocks)
        .chain(exposures.map(|some| Part::Exposures(some.iter().map(keep_exposure).collect())))
}

fn prompt_parts(prompt: &prompt::Snapshot) -> impl Iterator<Item = Part> {
    let versions = prompt.versions.iter().flat_map(|version| {
        let head = Part::Version(KeptVersion::from(&version.head).owned());
        let texts = texts(&version.text).map(|text| Part::Text { text: text.to_owned() });
        std::iter::once(head).chain(texts)
    });
    let moves = prompt.labels.iter().flat_map(|(label, moves)| {
        moves.iter().map(|step| Part::LabelMoved {
            label: label.as_str().to_owned(),
            step: KeptMove::from(step).owned(),
        })
    });
    let name = prompt.name.as_str().to_owned();
    std::iter::once(Part::Prompt { name }).chain(versions).chain(moves)
}

/// A text in pieces that fit a part.
fn texts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        rest = after;
        Some(piece)
    })
}

fn ms(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::ms)
}

fn keep_head(state: &RolloutState) -> Head {
    let Snapshot { definition, lifecycle, slow_above, fast_path, outside, evicted, .. } =
        &state.rollout;
    Head {
        id: state.id.0,
        key: state.key.as_str().to_owned(),
        run: state.run,
        digest: definition.0,
        state: state_codes(lifecycle.state),
        now_ms: lifecycle.now.ms(),
        started_at_ms: ms(lifecycle.started_at),
        phase_ends_ms: ms(lifecycle.phase_ends),
        step: u32::try_from(lifecycle.step).unwrap_or(u32::MAX),
        step_ends_ms: ms(lifecycle.step_ends),
        paused_at_ms: ms(lifecycle.paused_at),
        extensions: lifecycle.extensions,
        observations: lifecycle.observations,
        planned_analyses: lifecycle.planned_analyses,
        decisions: lifecycle.decisions,
        slow_above_us: slow_above.map(Latency::us),
        fast_path: KeptFastPath {
            sum: fast_path.sum.value(),
            excursion: fast_path.excursion.map(|excursion| KeptExcursion {
                since_ms: excursion.since.ms(),
                crossed_at_ms: ms(excursion.crossed_at),
                failures: excursion.failures,
                failed_cameras: excursion.failed_cameras,
                control_analyses: excursion.control_analyses,
                control_failures: excursion.control_failures,
            }),
            outage_at_ms: ms(fast_path.outage_at),
        },
        outside: Kept::keep(outside),
        evicted: *evicted,
    }
}

fn keep_camera(camera: &CameraSums) -> Camera {
    let Sums { shadow, pairs, ab } = &camera.sums;
    Camera {
        id: camera.camera.as_str().to_owned(),
        shadow: shadow.into(),
        pairs: pairs.into(),
        ab: Kept::keep(ab),
    }
}

fn keep_block((camera, sums): &(u32, BlockSums)) -> KeptBlock {
    KeptBlock {
        camera: *camera,
        block: sums.block.0,
        variant: sums.variant.code(),
        tally: (&sums.tally).into(),
    }
}

fn keep_exposure(exposure: &Exposure) -> KeptExposure {
    KeptExposure {
        fingerprint: exposure.fingerprint.0,
        at_ms: exposure.at.ms(),
        camera: exposure.camera,
        variant: exposure.variant.code(),
        window: exposure.window.code(),
        alerts: exposure.alerts.code(),
        label: exposure.label.map(Coded::code),
    }
}

/// A state put together from its parts.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    head: Option<(u64, Timestamp)>,
    rollouts: Vec<RolloutState>,
    prompts: Vec<prompt::Snapshot>,
    /// Of the text of the newest version, what has come.
    text: String,
    buckets: [Vec<(u32, u64)>; 3],
    feed: Option<FeedState>,
    ended: bool,
}

impl Assembly {
    /// Adds the next part; none where it cannot follow.
    pub(crate) fn add(&mut self, part: Part) -> Result<Option<()>, Unreadable> {
        if self.ended || matches!(part, Part::Head { .. }) == self.head.is_some() {
            return Ok(None);
        }
        if let Part::Head { sequence, at_ms } = part {
            self.head = Some((sequence, Timestamp::from_ms(at_ms)?));
            return Ok(Some(()));
        }
        let finishes = matches!(part, Part::Rollout(_) | Part::Prompt { .. } | Part::End { .. });
        if finishes && self.prompts.is_empty() && self.finish_latencies().is_none() {
            return Ok(None);
        }
        match part {
            // Prompts come after all rollouts.
            Part::Rollout(head) if self.prompts.is_empty() => self.rollouts.push(head.state()?),
            Part::Rollout(_) => return Ok(None),
            Part::End { .. } => {
                self.finish_text();
                self.ended = true;
            }
            Part::Prompt { name } => {
                self.finish_text();
                let (versions, labels) = (Vec::new(), Vec::new());
                self.prompts.push(prompt::Snapshot { name: name.parse()?, versions, labels });
            }
            Part::Version(_) | Part::Text { .. } | Part::LabelMoved { .. } => {
                return self.add_to_prompt(part);
            }
            Part::Feed { after, events } => {
                let feed = self.feed.get_or_insert_with(|| FeedState::nothing(after));
                feed.events.extend(events);
            }
            Part::Head { .. }
            | Part::Definition { .. }
            | Part::Account { .. }
            | Part::Noticed { .. }
            | Part::Epochs(_)
            | Part::FastPath { .. }
            | Part::Predecessor { .. }
            | Part::Latencies { .. }
            | Part::Cameras(_)
            | Part::Blocks(_)
            | Part::Exposures(_) => {
                let Some(rollout) = self.rollouts.last_mut() else { return Ok(None) };
                if !self.prompts.is_empty() {
                    return Ok(None);
                }
                return add_to(rollout, &mut self.buckets, part);
            }
        }
        Ok(Some(()))
    }

    fn add_to_prompt(&mut self, part: Part) -> Result<Option<()>, Unreadable> {
        if !matches!(part, Part::Text { .. }) {
            self.finish_text();
        }
        let Some(prompt) = self.prompts.last_mut() else { return Ok(None) };
        match part {
            Part::Version(head) => {
                let version = Version { head: head.head()?, text: "".into() };
                prompt.versions.push(version);
            }
            Part::Text { .. } if prompt.versions.is_empty() || !prompt.labels.is_empty() => {
                return Ok(None);
            }
            Part::Text { text } => self.text.push_str(&text),
            Part::LabelMoved { label, step } => {
                let (label, step): (LabelName, _) = (label.parse()?, step.step()?);
                match prompt.labels.last_mut() {
                    Some((last, moves)) if *last == label => moves.push(step),
                    _ => prompt.labels.push((label, vec![step])),
                }
            }
            Part::Head { .. }
            | Part::Rollout(_)
            | Part::Definition { .. }
            | Part::Account { .. }
            | Part::Latencies { .. }
            | Part::Cameras(_)
            | Part::Blocks(_)
            | Part::Exposures(_)
            | Part::End { .. }
            | Part::Prompt { .. }
            | Part::Noticed { .. }
            | Part::Epochs(_)
            | Part::FastPath { .. }
            | Part::Predecessor { .. }
            | Part::Feed { .. } => return Ok(None),
        }
        Ok(Some(()))
    }

    /// Gives the newest version the text that has come.
    fn finish_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        let prompt = self.prompts.last_mut().filter(|_| !text.is_empty());
        if let Some(version) = prompt.and_then(|prompt| prompt.versions.last_mut()) {
            version.text = text.into();
        }
    }

    fn finish_latencies(&mut self) -> Option<()> {
        let buckets = std::mem::take(&mut self.buckets);
        let Some(rollout) = self.rollouts.last_mut() else { return Some(()) };
        let [shadow, control, treatment] = buckets.map(QuantileSketch::from_buckets);
        let ab = ByVariant { control: control.ok()?, treatment: treatment.ok()? };
        rollout.rollout.latencies = Latencies { shadow: shadow.ok()?, ab };
        Some(())
    }

    /// The whole state, once its end was added.
    pub(crate) fn state(self) -> Option<State> {
        let (sequence, at) = self.head.filter(|_| self.ended)?;
        let feed = self.feed.unwrap_or_else(|| FeedState::nothing(sequence));
        Some(State { sequence, at, rollouts: self.rollouts, prompts: self.prompts, feed })
    }
}

fn add_to(
    rollout: &mut RolloutState,
    buckets: &mut [Vec<(u32, u64)>; 3],
    part: Part,
) -> Result<Option<()>, Unreadable> {
    match part {
        Part::Definition { text } => rollout.definition.push_str(&text),
        Part::Account { text } => rollout.accounts.push(text),
        Part::Predecessor { run, state, text } => {
            predecessor::add(&mut rollout.predecessor, (run, state), text)?;
        }
        Part::Noticed { verdicts, warnings, warned_at_ms } => {
            let verdicts = verdicts.into_iter().map(|(guardrail, verdict)| {
                Ok((Guardrail::of_code(guardrail)?, Verdict::of_code(verdict)?))
            });
            let verdicts = verdicts.collect::<Result<_, Unreadable>>()?;
            rollout.noticed = Noticed { verdicts, warnings, warned_at: time(warned_at_ms)? };
        }
        Part::Epochs(kept) => match epochs(kept)? {
            Some(epochs) => rollout.rollout.epochs = epochs,
            None => return Ok(None),
        },
        Part::FastPath { added, drained, held } => {
            let fast_path = &mut rollout.rollout.fast_path;
            for (camera, sum) in added {
                let sum = Cusum::new(sum)?.value();
                fast_path.added.push(Added { camera, sum });
            }
            if !drained.is_finite() {
                return Ok(None);
            }
            fast_path.drained = drained;
            fast_path.hold = if held { OutageHold::Yes } else { OutageHold::No };
        }
        Part::Latencies { of, buckets: more } => match buckets.get_mut(usize::from(of)) {
            Some(buckets) => buckets.extend(more),
            None => return Ok(None),
        },
        Part::Cameras(cameras) => {
            for camera in cameras {
                rollout.rollout.cameras.push(camera.sums()?);
            }
        }
        Part::Blocks(blocks) => {
            for kept in blocks {
                let Some(camera) = rollout.rollout.cameras.get_mut(kept.camera as usize) else {
                    return Ok(None);
                };
                camera.blocks.push(BlockSums {
                    block: Block(kept.block),
                    variant: Variant::of_code(kept.variant)?,
                    tally: kept.tally.sums()?,
                });
            }
        }
        Part::Exposures(exposures) => {
            for kept in exposures {
                rollout.rollout.exposures.push(kept.exposure()?);
            }
        }
        Part::Head { .. }
        | Part::Rollout(_)
        | Part::End { .. }
        | Part::Prompt { .. }
        | Part::Version(_)
        | Part::Text { .. }
        | Part::LabelMoved { .. }
        | Part::Feed { .. } => return Ok(None),
    }
    Ok(Some(()))
}

/// The stretches of an A/B test; none where they do not follow one another.
fn epochs(kept: Vec<(i64, bool)>) -> Result<Option<Epochs>, Unreadable> {
    let epochs = kept.into_iter().map(|(after_ms, window)| {
        let opens = if window { Opens::Window } else { Opens::Step };
        Ok(Epoch { after: Timestamp::from_ms(after_ms)?, opens })
    });
    Ok(Epochs::new(epochs.collect::<Result<_, Unreadable>>()?))
}

fn time(ms: Option<i64>) -> Result<Option<Timestamp>, Unreadable> {
    Ok(ms.map(Timestamp::from_ms).transpose()?)
}

impl Head {
    fn state(self) -> Result<RolloutState, Unreadable> {
        let lifecycle = Lifecycle {
            state: state_of_codes(self.state)?,
            now: Timestamp::from_ms(self.now_ms)?,
            started_at: time(self.started_at_ms)?,
            phase_ends: time(self.phase_ends_ms)?,
            step: self.step as usize,
            step_ends: time(self.step_ends_ms)?,
            paused_at: time(self.paused_at_ms)?,
            extensions: self.extensions,
            observations: self.observations,
            planned_analyses: self.planned_analyses,
            decisions: self.decisions,
        };
        let rollout = Snapshot {
            definition: Digest(self.digest),
            lifecycle,
            cameras: Vec::new(),
            exposures: Vec::new(),
            latencies: Latencies::default(),
            slow_above: self.slow_above_us.map(latency_of_us).transpose()?,
            fast_path: self.fast_path.state()?,
            epochs: Epochs::default(),
            outside: self.outside.restore()?,
            evicted: self.evicted,
        };
        Ok(RolloutState {
            id: RolloutId(self.id),
            key: self.key.parse()?,
            run: self.run,
            definition: String::new(),
            accounts: Vec::new(),
            predecessor: None,
            noticed: Noticed::default(),
            rollout,
        })
    }
}

impl KeptFastPath {
    fn state(self) -> Result<FastPath, Unreadable> {
        let excursion = match self.excursion {
            None => None,
            Some(kept) => Some(Excursion {
                since: Timestamp::from_ms(kept.since_ms)?,
                crossed_at: time(kept.crossed_at_ms)?,
                failures: kept.failures,
                failed_cameras: kept.failed_cameras,
                control_analyses: kept.control_analyses,
                control_failures: kept.control_failures,
            }),
        };
        let (sum, outage_at) = (Cusum::new(self.sum)?, time(self.outage_at_ms)?);
        // An earlier version kept the sum alone: what no camera added stands as it is.
        let drained = -sum.value();
        Ok(FastPath { sum, excursion, outage_at, drained, ..FastPath::default() })
    }
}

impl Camera {
    fn sums(self) -> Result<CameraSums, Unreadable> {
        let sums =
            Sums { shadow: self.shadow.sums()?, pairs: self.pairs.sums()?, ab: self.ab.restore()? };
        Ok(CameraSums { camera: self.id.parse()?, sums, blocks: Vec::new() })
    }
}

impl KeptExposure {
    fn exposure(self) -> Result<Exposure, Unreadable> {
        Ok(Exposure {
            fingerprint: Fingerprint(self.fingerprint),
            at: Timestamp::from_ms(self.at_ms)?,
            camera: self.camera,
            variant: Variant::of_code(self.variant)?,
            window: Window::of_code(self.window)?,
            alerts: Alerts::of_code(self.alerts)?,
            label: self.label.map(Label::of_code).transpose()?,
        })
    }
}
