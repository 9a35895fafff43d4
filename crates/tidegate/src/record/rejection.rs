//! A line that was not taken in.

/// One line that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RejectedLine {
    pub(super) line: u64,
    pub(super) why: String,
}
