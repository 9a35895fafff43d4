//! The pure split: salt, camera and share.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tidegate_engine::assignment::{Admission, SaltedHash};
use tidegate_engine::id::{CameraId, Salt};
use tidegate_engine::number::Share;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Makes a `ValueError` that begins with the name of the argument.
pub(crate) fn invalid(argument: &str, fault: &impl ToString) -> PyErr {
    PyValueError::new_err(format!("{argument}: {}", fault.to_string()))
}

/// A camera's id, in percent-encoding where its name needs it.
pub(crate) fn camera(name: &str) -> PyResult<CameraId> {
    name.parse().map_err(|fault| invalid("camera_id", &fault))
}

fn share_of(share: f64) -> PyResult<Share> {
    Share::new(share).map_err(|fault| invalid("share", &fault))
}

fn hash_of(camera_id: &str, salt: &str) -> PyResult<u64> {
    let salt: Salt = salt.parse().map_err(|fault| invalid("salt", &fault))?;
    Ok(SaltedHash::new(&salt).of(&camera(camera_id)?).value())
}

/// The hash that decides: `xxh3_64(camera_id, seed=xxh3_64(salt, seed=0))`, a whole number below 2^64.
#[pyfunction]
pub(crate) fn camera_hash(camera_id: &str, salt: &str) -> PyResult<u64> {
    hash_of(camera_id, salt)
}

/// `"treatment"` where the hash of `camera_id` under `salt` is below `floor(share * 2^64)`, else `"control"`.
#[pyfunction]
pub(crate) fn assign(camera_id: &str, salt: &str, share: f64) -> PyResult<&'static str> {
    let hash = hash_of(camera_id, salt)?;
    Ok(treated(hash, share_of(share)?))
}

/// As `assign`, for any name and any salt: one that is no id counts by its bytes instead of being refused.
#[pyfunction]
pub(crate) fn assign_name(name: &str, salt: &str, share: f64) -> PyResult<&'static str> {
    let seed = xxh3_64_with_seed(salt.as_bytes(), 0);
    let hash = match name.parse::<CameraId>() {
        Ok(camera) => xxh3_64_with_seed(camera.as_str().as_bytes(), seed),
        Err(_) => xxh3_64_with_seed(name.as_bytes(), seed),
    };
    Ok(treated(hash, share_of(share)?))
}

fn treated(hash: u64, share: Share) -> &'static str {
    match Admission::of(share) {
        Admission::All => "treatment",
        Admission::Below(limit) if hash < limit => "treatment",
        Admission::Below(_) => "control",
    }
}
