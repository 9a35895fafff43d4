//! Experiments that share the fleet without sharing a camera.
//!
//! For a camera id `c` and a group named `n`, both as UTF-8 bytes, `g = xxh3_64(c, seed = xxh3_64(n, seed = 1))`. A part
//! from `a` to `b` has the cameras with `floor(a * 2^64) <= g < floor(b * 2^64)`, and with `b = 1` all from `a` on. The
//! inner seed is another than that of a salt, so that who is in a part and who gets the treatment in it are independent
//! even where salt and group have one name. Frozen by `tests/vectors/group.json`.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Admission, CameraHash, SaltedHash};
use crate::id::{CameraId, GroupName};
use crate::number::Share;
use crate::variant::Variant;

/// An experiment's part of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Which group.
    pub name: GroupName,
    /// Where the part begins, 0 to below 1.
    pub from: Share,
    /// Where the part ends, above `from`.
    pub to: Share,
}

impl Group {
    /// Whether no camera can be in both parts.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.name == other.name && (self.to <= other.from || other.to <= self.from)
    }

    /// The share of all cameras that are in the part.
    pub fn share(&self) -> f64 {
        self.to.value() - self.from.value()
    }

    /// Whether a camera is in the part.
    pub fn has(&self, camera: &CameraId) -> bool {
        Membership::new(self).has(camera)
    }
}

/// Who is in an experiment's part of a group.
#[derive(Debug)]
pub(super) struct Membership {
    hash: SaltedHash,
    before: Admission,
    upto: Admission,
}

impl Membership {
    pub(super) fn new(group: &Group) -> Self {
        let seed = xxh3_64_with_seed(group.name.as_str().as_bytes(), 1);
        let (before, upto) = (Admission::of(group.from), Admission::of(group.to));
        Self { hash: SaltedHash { seed }, before, upto }
    }

    pub(super) fn has(&self, camera: &CameraId) -> bool {
        let admits = |part: Admission, hash: CameraHash| part.variant(hash) == Variant::Treatment;
        let hash = self.hash.of(camera);
        admits(self.upto, hash) && !admits(self.before, hash)
    }
}
