//! Hosts of addresses that a person writes down.

// Addresses alone; sockets are of `std`.
use core::net::IpAddr;

/// Whether what is sent to a host stays on this machine: `localhost`, or a loopback address, of IPv6 in brackets or
/// not.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
