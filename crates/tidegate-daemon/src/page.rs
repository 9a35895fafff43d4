//! Lists that are shown in pages.

/// What the next page is asked for by, after one of `count` items of `total`; none where it was the last.
pub(crate) fn next(after: usize, count: usize, total: usize) -> Option<String> {
    let end = after.saturating_add(count);
    (end < total).then(|| end.to_string())
}
