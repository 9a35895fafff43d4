//! What needs no daemon: recordings replayed, data sets compared, limits tuned.
//!
//! The command tells people of it, and programs the JSON that is made here; the Python package has the same JSON. Files are
//! read as they come from spreadsheets and exports, in bounded memory; no clock is read.

pub mod encoding;
pub mod evaluate;
mod failure;
pub mod lines;
pub mod printable;
mod rejected;
pub mod replay;
mod sampling;
pub mod tune;

pub use failure::OfflineError;
