//! The cameras of one rollout, their sums and the sums of all.

mod released;
mod reported;
pub(crate) use reported::HeardCamera;
pub mod sides;

use alloc::vec::Vec;

use hashbrown::HashTable;
use tidegate_stats::quantile::QuantileSketch;

use crate::assignment::{CameraHash, Split};
use crate::baseline::{self, ShadowSums, Usual};
use crate::exposure::{Exposure, Window};
use crate::id::CameraId;
use crate::number::Latency;
use crate::observation::{Alerts, Label, Outcome};
use crate::outside::OutsideCause;
use crate::release::Release;
use crate::tally::{Alerted, Cuts, Pairs, Tally, Warned};
use crate::time::{Block, Timestamp};
use crate::variant::{ByVariant, Variant};

/// What is kept of one camera, or of all cameras together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// The control's outcomes in shadow; frozen when the A/B test starts.
    pub shadow: Tally,
    /// The comparisons in shadow; frozen when the A/B test starts.
    pub pairs: Pairs,
    /// The A/B test.
    pub ab: ByVariant<Tally>,
}

impl Sums {
    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        self.shadow.merge(&other.shadow);
        self.pairs.merge(&other.pairs);
        self.ab.control.merge(&other.ab.control);
        self.ab.treatment.merge(&other.ab.treatment);
    }

    /// Whether these can be one camera's sums over at most `analyses_max` analyses.
    pub(crate) fn can_be(&self, analyses_max: u64) -> bool {
        let tallies = [&self.shadow, &self.ab.control, &self.ab.treatment];
        tallies.into_iter().all(|tally| tally.can_be(analyses_max))
            && self.pairs.can_be(analyses_max)
    }

    /// Analyses that these are sums of.
    pub(crate) const fn analyses(&self) -> u64 {
        let ab = self.ab.control.analyses.saturating_add(self.ab.treatment.analyses);
        self.shadow.analyses.saturating_add(ab)
    }
}

/// A camera with all that it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraSums {
    /// The camera.
    pub camera: CameraId,
    /// Its sums.
    pub sums: Sums,
    /// The A/B test block by block; empty unless the split is a switchback.
    pub blocks: Vec<BlockSums>,
    /// The present day of the full release.
    pub full: ByVariant<Tally>,
    /// When it reported last, whatever it reported.
    pub heard_at: Timestamp,
    /// How many observations came before that.
    pub heard_after: u64,
}

/// What a camera showed in one block of a switchback under one variant, in order of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSums {
    /// The stretch of time, the same for all cameras.
    pub block: Block,
    /// The variant that ran; at a block's edge both may have.
    pub variant: Variant,
    /// Its sums.
    pub tally: Tally,
}

/// How the latencies of the whole fleet are spread, for reports and for what counts as slow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    /// The control's answers in shadow.
    pub shadow: QuantileSketch,
    /// The A/B test's answers.
    pub ab: ByVariant<QuantileSketch>,
}

#[derive(Debug, Clone)]
struct SeenCamera {
    camera: CameraId,
    hash: CameraHash,
    comparable: Comparable,
}

/// Whether a camera takes part in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparable {
    /// Its variant was drawn.
    Yes,
    /// Its owner chose its variant.
    Overridden,
    /// It is outside of the experiment's part of its group.
    OutsideGroup,
}

impl Comparable {
    pub(crate) fn of(split: &Split, camera: &CameraId) -> Self {
        match split.override_of(camera) {
            Some(_) => Self::Overridden,
            None if split.has(camera) => Self::Yes,
            None => Self::OutsideGroup,
        }
    }
}

/// All cameras seen, found by id in constant time. What a look reads lies in columns of its own, so that
/// a look over ten thousand cameras streams through memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    entries: Vec<SeenCamera>,
    heard_at: Vec<Timestamp>,
    heard_after: Vec<u64>,
    index: HashTable<u32>,
    pub(crate) shadow: Vec<ShadowSums>,
    pub(crate) ab: Vec<ByVariant<Tally>>,
    blocks: Vec<Vec<BlockSums>>,
    /// Blocks of all cameras.
    block_count: u64,
    /// The whole fleet by stretch of the test.
    epochs: Vec<ByVariant<Tally>>,
    /// What is usual for each camera seen in shadow, and for any other.
    usual: Vec<Usual>,
    usual_of_new: Usual,
    total: Sums,
    /// Cameras with a treatment analysis in the A/B test, the quarantined left out.
    treated_cameras: u64,
    outside: ByVariant<Tally>,
    /// What each camera shows in the present day of the full release; empty before.
    pub(crate) full: Vec<ByVariant<Tally>>,
    pub(crate) full_total: ByVariant<Tally>,
    pub(crate) release: Release,
    latencies: Latencies,
    slow_above: Option<Latency>,
}

/// Where an analysis is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) window: Window,
    /// Why it is compared with nothing, if so.
    pub(crate) outside: Option<OutsideCause>,
    /// When it happened.
    pub(crate) at: Timestamp,
    pub(crate) variant: Variant,
    pub(crate) stretch: Stretch,
    /// The hour of the day, UTC.
    pub(crate) hour: usize,
}

/// The stretch of time in which an analysis is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The block of a switchback, or the stretch of the test.
    pub(crate) block: Option<Block>,
    /// The stretch of the test, but of a switchback, whose blocks are finer.
    pub(crate) epoch: Option<usize>,
}

impl Fleet {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every camera in order of first appearance.
    pub(crate) fn cameras(&self) -> impl Iterator<Item = CameraSums> {
        self.entries.iter().enumerate().map(|(at, entry)| CameraSums {
            camera: entry.camera.clone(),
            sums: Sums {
                shadow: self.shadow[at].control,
                pairs: self.shadow[at].pairs,
                ab: self.ab[at],
            },
            blocks: self.blocks[at].clone(),
            full: self.full.get(at).copied().unwrap_or_default(),
            heard_at: self.heard_at[at],
            heard_after: self.heard_after[at],
        })
    }

    pub(crate) const fn total(&self) -> &Sums {
        &self.total
    }

    pub(crate) const fn outside(&self) -> &ByVariant<Tally> {
        &self.outside
    }

    pub(crate) const fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// A longer latency is slow.
    pub(crate) const fn slow_above(&self) -> Option<Latency> {
        self.slow_above
    }

    /// Cameras with a treatment analysis in the A/B test, the quarantined left out.
    pub(crate) const fn treated_cameras(&self) -> u64 {
        self.treated_cameras
    }

    /// Each camera's A/B test, with what is usual for it.
    pub(crate) fn ab(&self) -> impl Iterator<Item = (&ByVariant<Tally>, &Usual)> {
        let (known, new) = self.ab.split_at(self.usual.len().min(self.ab.len()));
        let new = new.iter().map(|tallies| (tallies, &self.usual_of_new));
        known.iter().zip(&self.usual).chain(new)
    }

    /// Each camera's A/B test block by block, with what is usual for it.
    pub(crate) fn ab_blocks(&self) -> impl Iterator<Item = (&[BlockSums], &Usual)> {
        let usual = self.usual.iter().chain(core::iter::repeat(&self.usual_of_new));
        self.blocks.iter().map(Vec::as_slice).zip(usual)
    }

    /// Blocks of a switchback, of all cameras together.
    pub(crate) const fn blocks(&self) -> u64 {
        self.block_count
    }

    /// What each camera showed in shadow.
    pub(crate) fn shadow(&self) -> impl Iterator<Item = &ShadowSums> {
        self.shadow.iter()
    }

    /// Puts back what does not follow from the cameras.
    pub(crate) fn restore(
        &mut self,
        outside: &ByVariant<Tally>,
        latencies: Latencies,
        slow_above: Option<Latency>,
    ) {
        (self.outside, self.latencies, self.slow_above) = (*outside, latencies, slow_above);
    }

    pub(crate) fn find(&self, camera: &CameraId, hash: CameraHash) -> Option<u32> {
        self.index.find(hash.value(), |at| self.entries[*at as usize].camera == *camera).copied()
    }

    pub(crate) fn id(&self, at: u32) -> &CameraId {
        &self.entries[at as usize].camera
    }

    pub(crate) fn comparable(&self, at: u32) -> Comparable {
        self.entries[at as usize].comparable
    }

    /// Whether the camera failed too often in shadow to tell anything about the treatment.
    pub(crate) fn is_quarantined(&self, at: u32) -> bool {
        let shadow = &self.shadow[at as usize].control;
        shadow.errors * QUARANTINE_ONE_IN > shadow.analyses
    }

    /// Whether the camera has failed so often in the test that one failure more tells nothing: total failure
    /// is acted on long before a camera has shown so many.
    pub(crate) fn fails_often(&self, at: u32) -> bool {
        let ByVariant { control, treatment } = &self.ab[at as usize];
        let full = self.full.get(at as usize).copied().unwrap_or_default().treatment;
        let errors = control.errors + treatment.errors + full.errors;
        let analyses = control.analyses + treatment.analyses + full.analyses;
        errors > OFTEN_MIN && errors * QUARANTINE_ONE_IN > analyses
    }

    /// Adds a camera that is not there yet, with what it showed so far.
    pub(crate) fn insert(&mut self, seen: CameraSums, split: &Split) -> u32 {
        let at = u32::try_from(self.entries.len()).expect("a fleet has at most 100,000 cameras");
        let CameraSums { camera, sums, blocks, full, heard_at, heard_after } = seen;
        let hash = split.hash(&camera);
        let comparable = Comparable::of(split, &camera);
        self.total.merge(&sums);
        self.entries.push(SeenCamera { camera, hash, comparable });
        self.heard_at.push(heard_at);
        self.heard_after.push(heard_after);
        self.shadow.push(ShadowSums { control: sums.shadow, pairs: sums.pairs });
        self.ab.push(sums.ab);
        let treated = sums.ab.treatment.analyses > 0 && !self.is_quarantined(at);
        self.treated_cameras += u64::from(treated);
        self.block_count += blocks.len() as u64;
        self.blocks.push(blocks);
        if full != ByVariant::default() {
            *self.full_of(at) = full;
            self.full_total.control.merge(&full.control);
            self.full_total.treatment.merge(&full.treatment);
        }
        let entries = &self.entries;
        self.index.insert_unique(hash.value(), at, |at| entries[*at as usize].hash.value());
        at
    }

    /// Learns from the shadow what is usual for each camera; done once, when the shadow's sums freeze.
    pub(crate) fn learn_usual(&mut self) {
        (self.usual_of_new, self.usual) = baseline::learn(&self.shadow);
    }

    /// Fixes what counts as slow, once the control answered often enough in shadow. `None` before.
    pub(crate) fn learn_slow(&mut self) {
        if self.slow_above.is_none() && self.latencies.shadow.count() >= PACE_ANSWERS_MIN {
            let usual_us = self.latencies.shadow.quantile(PACE_QUANTILE);
            self.slow_above = usual_us.and_then(|us| Latency::from_ms(us * PACE_FACTOR / 1e3).ok());
        }
    }

    pub(crate) fn add_analysis(&mut self, at: u32, place: Place, outcome: Outcome, cuts: Cuts) {
        let Place { window, variant, stretch: Stretch { block, epoch }, hour, .. } = place;
        let sketch = match window {
            Window::Shadow => {
                self.total.shadow.add(outcome, cuts);
                self.shadow[at as usize].control.add(outcome, cuts);
                self.release.past[hour].add(outcome, cuts);
                &mut self.latencies.shadow
            }
            Window::Ab => {
                let first =
                    variant == Variant::Treatment && self.ab[at as usize].treatment.analyses == 0;
                if first && !self.is_quarantined(at) {
                    self.treated_cameras += 1;
                }
                self.ab[at as usize][variant].add(outcome, cuts);
                self.total.ab[variant].add(outcome, cuts);
                if variant == Variant::Control {
                    self.release.past[hour].add(outcome, cuts);
                }
                if let Some(block) = block {
                    self.block(at, block, variant).add(outcome, cuts);
                }
                if let Some(epoch) = epoch {
                    self.epoch(epoch)[variant].add(outcome, cuts);
                }
                &mut self.latencies.ab[variant]
            }
            Window::Outside => return self.outside[variant].add(outcome, cuts),
            Window::Full => {
                self.full_total[variant].add(outcome, cuts);
                if variant == Variant::Treatment {
                    self.release.present[hour].add(outcome, cuts);
                }
                return self.full_of(at)[variant].add(outcome, cuts);
            }
        };
        if let Some(latency) = outcome.latency() {
            sketch.add(latency.us());
        }
    }

    pub(crate) fn add_comparison(
        &mut self,
        at: u32,
        outcomes: &ByVariant<Outcome>,
        cuts: Cuts,
        warned: Warned,
    ) {
        for pairs in [&mut self.total.pairs, &mut self.shadow[at as usize].pairs] {
            pairs.add(outcomes, cuts, warned);
        }
    }

    /// Counts a label in place of the one its analysis had, if any, where the analysis was counted.
    pub(crate) fn relabel(&mut self, exposure: &Exposure, stretch: Stretch, label: Label) {
        let Exposure { camera: at, variant, window, alerts, label: former, .. } = *exposure;
        let Stretch { block, epoch } = stretch;
        match window {
            Window::Shadow => {
                let shadow = &mut self.shadow[at as usize];
                self.total.shadow.relabel(former, label);
                shadow.control.relabel(former, label);
                let treatment = match alerts {
                    Alerts::Both => Alerted::Yes,
                    Alerts::ControlOnly => Alerted::No,
                    Alerts::NotControl => return,
                };
                for pairs in [&mut self.total.pairs, &mut shadow.pairs] {
                    pairs.relabel(former, label, treatment);
                }
            }
            Window::Ab => {
                self.total.ab[variant].relabel(former, label);
                self.ab[at as usize][variant].relabel(former, label);
                if let Some(block) = block {
                    self.block(at, block, variant).relabel(former, label);
                }
                if let Some(epoch) = epoch {
                    self.epoch(epoch)[variant].relabel(former, label);
                }
            }
            Window::Outside => self.outside[variant].relabel(former, label),
            Window::Full => {
                self.full_total[variant].relabel(former, label);
                self.full_of(at)[variant].relabel(former, label);
            }
        }
    }

    /// The whole fleet in a stretch of the test.
    fn epoch(&mut self, epoch: usize) -> &mut ByVariant<Tally> {
        if self.epochs.len() <= epoch {
            self.epochs.resize(epoch + 1, ByVariant::default());
        }
        &mut self.epochs[epoch]
    }

    /// The whole fleet stretch by stretch of the test; of a switchback, nothing.
    pub(crate) fn epochs(&self) -> &[ByVariant<Tally>] {
        &self.epochs
    }

    /// Adds the stretches up anew, of which the test has `count`: the blocks of these cameras are the stretches'.
    pub(crate) fn restore_epochs(&mut self, count: usize) -> Option<()> {
        for at in 0..self.blocks.len() {
            for block in 0..self.blocks[at].len() {
                let BlockSums { block, variant, tally } = self.blocks[at][block];
                let epoch = usize::try_from(block.0).ok().filter(|epoch| *epoch < count)?;
                self.epoch(epoch)[variant].merge(&tally);
            }
        }
        Some(())
    }

    /// A camera's sums in a block: nearly always the last, as time does not run backwards.
    fn block(&mut self, at: u32, block: Block, variant: Variant) -> &mut Tally {
        let blocks = &mut self.blocks[at as usize];
        let wanted = (block, variant);
        let at = match blocks.last() {
            Some(last) if (last.block, last.variant) == wanted => blocks.len() - 1,
            _ => match blocks.binary_search_by_key(&wanted, |sums| (sums.block, sums.variant)) {
                Ok(at) => at,
                Err(at) => {
                    self.block_count += 1;
                    blocks.insert(at, BlockSums { block, variant, tally: Tally::default() });
                    at
                }
            },
        };
        &mut blocks[at].tally
    }
}

/// A camera of whose shadow analyses more than one in five failed is quarantined.
const QUARANTINE_ONE_IN: u64 = 5;
/// Failures of a camera in the test up to which the fast path listens to it, however few its analyses.
const OFTEN_MIN: u64 = 10;
/// Slow is 1.5 times what 95 % of the control's answers in shadow stay below.
const PACE_FACTOR: f64 = 1.5;
const PACE_QUANTILE: f64 = 0.95;
/// Answers from which the 95 % point is read: its own error is then a small part of the factor.
pub(crate) const PACE_ANSWERS_MIN: u64 = 500;
