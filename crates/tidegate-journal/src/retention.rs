//! What is kept, and for how long.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tidegate_engine::time::Timestamp;

use crate::disk::sync_folder;
use crate::snapshot;

/// As long as feedback finds its analysis by default.
pub const RETENTION_DEFAULT: Duration = Duration::from_hours(7 * 24);
const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// Snapshots that are kept whatever their age: the newest may be found broken.
const NEWEST: usize = 2;

/// Deletes snapshots that are not needed, and gives the entry after which frames are needed.
pub(crate) fn drop_old_snapshots(
    folder: &Path,
    now: Timestamp,
    retention: Duration,
) -> io::Result<u64> {
    let mut snapshots = Vec::new();
    for sequence in snapshot::list(folder)? {
        // One that cannot be read is no base for anything.
        if let Ok(at) = snapshot::time_of(&snapshot::path(folder, sequence)) {
            snapshots.push((sequence, at));
        }
    }
    let (kept, base) = kept(&snapshots, now, retention);
    for (sequence, _) in &snapshots {
        if !kept.contains(sequence) {
            fs::remove_file(snapshot::path(folder, *sequence))?;
        }
    }
    sync_folder(folder)?;
    Ok(base)
}

/// Which of the snapshots, oldest first, are kept: the newest two, the newest of each day that frames are
/// kept of, and the newest before those days, after which the frames begin; its entry comes second.
fn kept(snapshots: &[(u64, Timestamp)], now: Timestamp, retention: Duration) -> (Vec<u64>, u64) {
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let bound = now.ms().saturating_sub(retention_ms);
    let (old, young): (Vec<(u64, Timestamp)>, Vec<_>) =
        snapshots.iter().partition(|(_, at)| at.ms() <= bound);
    let mut days = BTreeMap::new();
    for (sequence, at) in young {
        days.insert(at.ms() / DAY_MS, sequence);
    }
    let newest = snapshots.iter().rev().take(NEWEST).map(|(sequence, _)| *sequence);
    let mut kept: Vec<u64> = days.into_values().chain(newest).collect();
    // While nothing is old enough, the frames begin where they always did.
    let base = old.last().map(|(base, _)| *base);
    kept.extend(base);
    kept.sort_unstable();
    kept.dedup();
    (kept, base.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_ms(hours * 3_600_000).unwrap()
    }

    #[test]
    fn one_snapshot_a_day_is_kept_and_one_where_the_frames_begin() {
        // Four a day for twenty days.
        let snapshots: Vec<(u64, Timestamp)> =
            (0..80).map(|n| (u64::try_from(n).unwrap() + 1, at(n * 6))).collect();
        let (kept, base) = kept(&snapshots, at(79 * 6), RETENTION_DEFAULT);
        // The base is the newest at least seven days old: hour 474 - 168 = 306, so that of hour 306.
        assert_eq!((kept.first(), base), (Some(&52), 52));
        assert_eq!(&kept[kept.len() - 2..], &[79, 80]);
        assert!(kept.len() <= 11, "{kept:?}");
        for pair in kept.windows(2) {
            assert!(pair[1] - pair[0] <= 4, "a day without a snapshot: {kept:?}");
        }
    }

    #[test]
    fn no_frame_goes_while_all_snapshots_are_young() {
        let snapshots = [(10, at(0)), (20, at(1)), (30, at(2)), (40, at(3))];
        assert_eq!(kept(&snapshots, at(3), RETENTION_DEFAULT), (vec![30, 40], 0));
        assert_eq!(kept(&[], at(3), RETENTION_DEFAULT), (vec![], 0));
    }
}
