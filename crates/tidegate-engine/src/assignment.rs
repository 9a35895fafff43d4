//! Which variant a camera belongs to: a pure function of salt, camera and share.
//!
//! The hash is named [`HASH_NAME`] and frozen by `tests/vectors/assignment.json`: for a camera id `c`
//! and a salt `s`, both as UTF-8 bytes, `h = xxh3_64(c, seed = xxh3_64(s, seed = 0))`. A camera is
//! given the treatment if `h < floor(share * 2^64)`; a share of 1 gives it to all. A larger share
//! therefore only ever moves cameras from control to treatment. Any language with a published XXH3
//! (Collet, xxHash 0.8) computes the same.
//!
//! In a switchback the unit is a camera in a block of time, and what is hashed is `c#b`, with `b` the
//! block's number in decimal: milliseconds since 1970 divided by the block's length, rounded down.

mod group;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::id::{CameraId, Salt};
use crate::limits;
use crate::number::Share;
use crate::time::{Block, Duration, Timestamp};
use crate::variant::Variant;

pub use group::Group;
use group::Membership;

/// The frozen name of the assignment hash.
pub const HASH_NAME: &str = "xxh3-64/1";

/// A camera's place among all cameras under one salt; shown as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CameraHash(u64);

impl CameraHash {
    /// The hash as a number, uniform over all 64-bit numbers.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for CameraHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The assignment hash under one salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaltedHash {
    seed: u64,
}

impl SaltedHash {
    /// Prepares the hash for `salt`.
    pub fn new(salt: &Salt) -> Self {
        Self { seed: xxh3_64_with_seed(salt.as_str().as_bytes(), 0) }
    }

    /// Hashes a camera.
    #[inline]
    pub fn of(self, camera: &CameraId) -> CameraHash {
        CameraHash(xxh3_64_with_seed(camera.as_str().as_bytes(), self.seed))
    }

    /// Hashes a camera in one block of a switchback.
    pub fn of_block(self, camera: &CameraId, block: Block) -> CameraHash {
        /// A mark that no camera id contains, and 20 digits.
        const MORE: usize = 21;
        let mut text = [0; limits::ID_LEN_MAX + MORE];
        let camera = camera.as_str().as_bytes();
        let (id, rest) = text.split_at_mut(camera.len());
        id.copy_from_slice(camera);
        rest[0] = b'#';
        let digits = block.0.checked_ilog10().unwrap_or(0) as usize + 1;
        let mut number = block.0;
        for digit in rest[1..=digits].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        CameraHash(xxh3_64_with_seed(&text[..=camera.len() + digits], self.seed))
    }
}

/// The hashes a share admits to the treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Every hash.
    All,
    /// The hashes below this number.
    Below(u64),
}

impl Admission {
    /// Computes `floor(share * 2^64)`, exact because scaling by a power of two is.
    pub fn of(share: Share) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= share < 1"
        )]
        if share >= Share::ALL {
            Self::All
        } else {
            Self::Below((share.value() * 18_446_744_073_709_551_616.0) as u64)
        }
    }

    /// The variant of a camera with this hash.
    #[inline]
    pub const fn variant(self, hash: CameraHash) -> Variant {
        match self {
            Self::All => Variant::Treatment,
            Self::Below(limit) if hash.0 < limit => Variant::Treatment,
            Self::Below(_) => Variant::Control,
        }
    }
}

/// How the cameras are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitMethod {
    /// By the hash alone; any camera may turn up.
    Hash,
    /// By the order of the hashes among the listed cameras, so that the sizes come out exactly.
    Balanced,
    /// By the hash of camera and block of time, so that every camera sees both variants in turn.
    Switchback,
}

impl SplitMethod {
    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Balanced => "balanced",
            Self::Switchback => "switchback",
        }
    }
}

macro_rules! serve_reasons {
    ($(#[doc = $doc:literal] $reason:ident = $name:literal,)*) => {
        /// Why a camera is served what it is served.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ServeReason {
            $(#[doc = $doc] $reason,)*
        }

        impl ServeReason {
            /// Every reason, in order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$reason),*];

            /// The place in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The name in answers.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }
        }
    };
}

serve_reasons! {
    /// Shadow serves control to all.
    Shadow = "shadow",
    /// The split decided.
    Split = "split",
    /// The treatment is released to all.
    Full = "full",
    /// The treatment is released, and this camera keeps the control to compare with.
    Holdback = "holdback",
    /// The rollout is over and the treatment stays.
    Completed = "completed",
    /// The treatment did harm.
    RolledBack = "rolled_back",
    /// Ended by its owner without a verdict.
    Stopped = "stopped",
    /// Paused by its owner.
    Paused = "paused",
    /// The A/B test is over and its owner has not decided.
    Expired = "expired",
    /// Not started yet.
    NotStarted = "not_started",
    /// The owner named a variant for this camera.
    Override = "override",
    /// No such experiment.
    UnknownExperiment = "unknown_experiment",
    /// Another experiment's camera: outside of this one's part of its group.
    OutsideGroup = "outside_group",
}

/// What a camera is served, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The side to run.
    pub variant: Variant,
    /// What decided.
    pub reason: ServeReason,
}

impl Assignment {
    const OUTSIDE_GROUP: Self =
        Self { variant: Variant::Control, reason: ServeReason::OutsideGroup };
}

/// A camera the definition names.
#[derive(Debug)]
struct Named {
    camera: CameraId,
    hash: CameraHash,
    override_to: Option<Variant>,
    rank: Option<usize>,
}

/// The fixed part of a split: salt, overrides, the order of the listed cameras, the length of blocks.
#[derive(Debug)]
pub struct Split {
    hash: SaltedHash,
    block: Option<Duration>,
    membership: Option<Membership>,
    named: HashTable<Named>,
    ranked: usize,
}

impl Split {
    /// Prepares a split. `listed` are the cameras of a balanced split, empty for any other; `block` is
    /// the length of a switchback's blocks; `group` the part of a group whose cameras are split, without one all are.
    pub fn new(
        salt: &Salt,
        overrides: &[(CameraId, Variant)],
        listed: &[CameraId],
        block: Option<Duration>,
        group: Option<&Group>,
    ) -> Self {
        let hash = SaltedHash::new(salt);
        let membership = group.map(Membership::new);
        let is_split =
            |camera: &CameraId| membership.as_ref().is_none_or(|members| members.has(camera));
        let mut named: HashTable<Named> = HashTable::new();
        let mut order: Vec<(CameraHash, &CameraId)> = listed
            .iter()
            .filter(|camera| is_split(camera))
            .map(|camera| (hash.of(camera), camera))
            .collect();
        order.sort_unstable();
        order.dedup();
        for (rank, (camera_hash, camera)) in order.iter().enumerate() {
            let entry = Named {
                camera: (*camera).clone(),
                hash: *camera_hash,
                override_to: None,
                rank: Some(rank),
            };
            named.insert_unique(camera_hash.0, entry, |n| n.hash.0);
        }
        for (camera, variant) in overrides {
            let camera_hash = hash.of(camera);
            if let Some(known) = named.find_mut(camera_hash.0, |n| n.camera == *camera) {
                known.override_to = Some(*variant);
            } else {
                let entry = Named {
                    camera: camera.clone(),
                    hash: camera_hash,
                    override_to: Some(*variant),
                    rank: None,
                };
                named.insert_unique(camera_hash.0, entry, |n| n.hash.0);
            }
        }
        Self { hash, block, membership, named, ranked: order.len() }
    }

    /// The camera's hash under this split's salt.
    #[inline]
    pub fn hash(&self, camera: &CameraId) -> CameraHash {
        self.hash.of(camera)
    }

    /// The hash that decides at `at`: the camera's, or that of its block in a switchback.
    pub fn hash_at(&self, camera: &CameraId, at: Timestamp) -> CameraHash {
        match self.block(at) {
            Some(block) => self.hash.of_block(camera, block),
            None => self.hash.of(camera),
        }
    }

    /// The variant the owner named for this camera, if any.
    pub fn override_of(&self, camera: &CameraId) -> Option<Variant> {
        self.named(camera, self.hash.of(camera)).and_then(|named| named.override_to)
    }

    /// Whether a camera is in the part of the group whose cameras are split.
    #[inline]
    pub fn has(&self, camera: &CameraId) -> bool {
        self.membership.as_ref().is_none_or(|members| members.has(camera))
    }

    /// The block that `at` lies in, where this is a switchback.
    #[inline]
    pub fn block(&self, at: Timestamp) -> Option<Block> {
        self.block.map(|length| Block::at(at, length))
    }

    /// When a block of a switchback begins; `None` of another split.
    pub(crate) fn begin_of(&self, block: Block) -> Option<Timestamp> {
        let length = self.block?;
        Some(Timestamp::EPOCH.plus(Duration::from_ms(block.0.saturating_mul(length.ms()))))
    }

    /// The variant of a camera at `at` when `share` of the fleet has the treatment. The time matters in
    /// a switchback alone.
    pub fn assign(&self, camera: &CameraId, share: Share, at: Timestamp) -> Assignment {
        self.assign_cut(camera, Cut::new(self, share), at)
    }

    /// Whether a camera can report the treatment at `at`. Early in a block of a switchback reports of the block before still come.
    pub(crate) fn may_report_treatment(
        &self,
        camera: &CameraId,
        share: Share,
        at: Timestamp,
    ) -> bool {
        let has_it = |at| self.assign(camera, share, at).variant == Variant::Treatment;
        has_it(at) || self.block.is_some_and(|length| has_it(at.minus(length)))
    }

    #[inline]
    fn assign_cut(&self, camera: &CameraId, cut: Cut, at: Timestamp) -> Assignment {
        let hash = self.hash.of(camera);
        if !self.named.is_empty()
            && let Some(named) = self.named(camera, hash)
        {
            if let Some(variant) = named.override_to {
                return Assignment { variant, reason: ServeReason::Override };
            }
            if let Some(rank) = named.rank {
                let variant =
                    if rank < cut.treated { Variant::Treatment } else { Variant::Control };
                return Assignment { variant, reason: ServeReason::Split };
            }
        }
        if !self.has(camera) {
            return Assignment::OUTSIDE_GROUP;
        }
        let hash = match self.block(at) {
            Some(block) => self.hash.of_block(camera, block),
            None => hash,
        };
        Assignment { variant: cut.admission.variant(hash), reason: ServeReason::Split }
    }

    /// Whether a camera keeps the control when the treatment is released to all but `holdback` of the cameras. In a
    /// switchback too this goes by the camera alone: its turns are over.
    pub(crate) fn is_held_back(&self, camera: &CameraId, holdback: Share) -> bool {
        holdback > Share::NONE && self.kept_on_control(camera, Cut::released(self, holdback))
    }

    fn kept_on_control(&self, camera: &CameraId, cut: Cut) -> bool {
        let hash = self.hash.of(camera);
        match self.named(camera, hash).and_then(|named| named.rank) {
            Some(rank) => rank >= cut.treated,
            None => cut.admission.variant(hash) == Variant::Control,
        }
    }

    fn named(&self, camera: &CameraId, hash: CameraHash) -> Option<&Named> {
        self.named.find(hash.0, |named| named.camera == *camera)
    }
}

/// Where a share cuts a split: by hash, and by rank among the listed cameras.
#[derive(Debug, Clone, Copy)]
struct Cut {
    admission: Admission,
    treated: usize,
}

impl Cut {
    fn new(split: &Split, share: Share) -> Self {
        // Halves round up: 0.5 of 5 cameras are 3.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let treated = (share.value() * split.ranked as f64 + 0.5) as usize;
        Self { admission: Admission::of(share), treated }
    }

    /// The cut of a release that leaves out `holdback` of the cameras.
    fn released(split: &Split, holdback: Share) -> Self {
        let share = Share::new(1.0 - holdback.value()).unwrap_or(Share::ALL);
        Self::new(split, share)
    }
}

/// What one experiment serves right now: an immutable value to hand to any number of readers.
#[derive(Debug, Clone)]
pub struct Serving {
    split: Arc<Split>,
    mode: Mode,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Control(ServeReason),
    Split(Cut),
    Treatment(ServeReason),
    Released(Cut),
}

impl Serving {
    /// Serves control to all, for `reason`.
    pub fn control(split: Arc<Split>, reason: ServeReason) -> Self {
        Self { split, mode: Mode::Control(reason) }
    }

    /// Serves the treatment to `share` of the cameras.
    pub fn split(split: Arc<Split>, share: Share) -> Self {
        let cut = Cut::new(&split, share);
        Self { split, mode: Mode::Split(cut) }
    }

    /// Serves the treatment to all but the cameras the owner keeps on control, for `reason`.
    pub fn treatment(split: Arc<Split>, reason: ServeReason) -> Self {
        Self { split, mode: Mode::Treatment(reason) }
    }

    /// Serves the treatment to all but `holdback` of the cameras and those the owner keeps on control.
    pub fn released(split: Arc<Split>, holdback: Share) -> Self {
        if holdback == Share::NONE {
            return Self::treatment(split, ServeReason::Full);
        }
        let cut = Cut::released(&split, holdback);
        Self { split, mode: Mode::Released(cut) }
    }

    /// What `camera` is served at `at`, and why.
    #[inline]
    pub fn assign(&self, camera: &CameraId, at: Timestamp) -> Assignment {
        match self.mode {
            Mode::Control(ServeReason::Shadow) if !self.split.has(camera) => {
                Assignment::OUTSIDE_GROUP
            }
            Mode::Control(reason) => Assignment { variant: Variant::Control, reason },
            Mode::Split(cut) => self.split.assign_cut(camera, cut, at),
            Mode::Released(cut) => self.released_to(camera, Some(cut), ServeReason::Full),
            Mode::Treatment(reason) => self.released_to(camera, None, reason),
        }
    }

    /// What a camera is served once the treatment is released to all but those of a holdback's `cut`.
    fn released_to(&self, camera: &CameraId, cut: Option<Cut>, reason: ServeReason) -> Assignment {
        if let Some(variant) = self.split.override_of(camera) {
            return Assignment { variant, reason: ServeReason::Override };
        }
        // Until the rollout is over, the other cameras of the group may be in another.
        if reason == ServeReason::Full && !self.split.has(camera) {
            return Assignment::OUTSIDE_GROUP;
        }
        if cut.is_some_and(|cut| self.split.kept_on_control(camera, cut)) {
            return Assignment { variant: Variant::Control, reason: ServeReason::Holdback };
        }
        Assignment { variant: Variant::Treatment, reason }
    }
}
