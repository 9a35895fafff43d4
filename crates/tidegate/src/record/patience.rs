//! How long a daemon that is away or busy is waited for.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, unless the daemon asks for a longer one.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double up to a cap, until patience is at its end. An answer restores it.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    whole: Duration,
    next: Duration,
}

impl Patience {
    pub(super) fn new(whole: Duration) -> Self {
        Self { whole, next: FIRST }
    }

    /// The time there is.
    pub(super) fn whole(&self) -> Duration {
        self.whole
    }

    /// How long to wait before the next try, `elapsed` after the first; nothing once patience is at its end.
    /// A daemon that says when to come again is not asked before.
    pub(super) fn next_wait(
        &mut self,
        elapsed: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let left = self.whole.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        let wait = self.next.max(retry_after.unwrap_or_default());
        self.next = (self.next * 2).min(LONGEST);
        // The last try comes at the very end, but not before the daemon wants it.
        if retry_after.is_some_and(|after| after > left) { None } else { Some(wait.min(left)) }
    }

    /// The daemon answered.
    pub(super) fn restore(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_up_to_the_cap_and_begin_anew_after_an_answer() {
        let mut patience = Patience::new(seconds(3_600));
        let waits: Vec<u128> =
            (0..9).map(|_| patience.next_wait(seconds(1), None).unwrap().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        patience.restore();
        assert_eq!(patience.next_wait(seconds(1), None), Some(FIRST));
    }

    #[test]
    fn the_daemon_is_not_asked_before_it_wants_to_be() {
        let mut patience = Patience::new(seconds(60));
        assert_eq!(patience.next_wait(seconds(0), Some(seconds(30))), Some(seconds(30)));
        assert_eq!(patience.next_wait(seconds(31), Some(seconds(30))), None);
        assert_eq!(patience.next_wait(seconds(31), Some(seconds(0))), Some(FIRST * 4));
    }

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new(seconds(10));
        assert_eq!(patience.next_wait(Duration::from_millis(9_950), None), Some(FIRST / 2));
        assert_eq!(patience.next_wait(seconds(10), None), None);
        assert_eq!(Patience::new(seconds(0)).next_wait(seconds(0), None), None);
    }
}
