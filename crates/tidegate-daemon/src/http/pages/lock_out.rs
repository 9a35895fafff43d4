//! Who tried tokens that are not known stays away for a while.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::clock::Stopwatch;

/// Tokens that an address may try in vain.
const TRIES_MAX: u32 = 5;
/// After which time they are forgotten.
pub(super) const FORGOTTEN_AFTER_SECONDS: f64 = 15.0 * 60.0;
/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 4_096;

/// What was tried in vain.
#[derive(Debug, Default)]
pub(super) struct LockOut(HashMap<IpAddr, Tries>);

#[derive(Debug)]
struct Tries {
    count: u32,
    last: Stopwatch,
}

impl LockOut {
    /// How long an address has to stay away, in seconds, if it has to.
    pub(super) fn seconds_left(&self, from: IpAddr) -> Option<f64> {
        let tries = self.0.get(&network(from)).filter(|tries| tries.count >= TRIES_MAX)?;
        let left = FORGOTTEN_AFTER_SECONDS - tries.last.seconds();
        (left > 0.0).then_some(left)
    }

    /// A token that is not known was tried.
    pub(super) fn failed(&mut self, from: IpAddr) {
        if self.0.len() >= ADDRESSES_MAX {
            self.0.retain(|_, tries| tries.last.seconds() < FORGOTTEN_AFTER_SECONDS);
        }
        if self.0.len() >= ADDRESSES_MAX {
            // Whoever has so many addresses is not kept out by them; nobody else is either.
            self.0.clear();
        }
        let tries =
            self.0.entry(network(from)).or_insert(Tries { count: 0, last: Stopwatch::start() });
        if tries.last.seconds() >= FORGOTTEN_AFTER_SECONDS {
            tries.count = 0;
        }
        *tries = Tries { count: tries.count.saturating_add(1), last: Stopwatch::start() };
    }

    /// A token that is known was tried.
    pub(super) fn passed(&mut self, from: IpAddr) {
        self.0.remove(&network(from));
    }
}

/// Who has one address of IPv6 has the 2^64 beside it too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_tries_an_address_and_those_beside_it_stay_away() {
        let mut lock_out = LockOut::default();
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        for _ in 0..TRIES_MAX {
            assert_eq!(lock_out.seconds_left(address("2001:db8::1")), None);
            lock_out.failed(address("2001:db8::1"));
        }
        assert!(lock_out.seconds_left(address("2001:db8::2")).is_some());
        assert_eq!(lock_out.seconds_left(address("2001:db8:1::1")), None);
        assert_eq!(lock_out.seconds_left(address("192.0.2.1")), None);
        lock_out.passed(address("2001:db8::3"));
        assert_eq!(lock_out.seconds_left(address("2001:db8::1")), None);
    }

    #[test]
    fn so_many_addresses_are_remembered_and_no_more() {
        let mut lock_out = LockOut::default();
        for number in 0..10_000_u32 {
            lock_out.failed(IpAddr::V4(number.into()));
            assert!(lock_out.0.len() <= ADDRESSES_MAX);
        }
    }
}
