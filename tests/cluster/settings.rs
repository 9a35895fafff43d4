//! Settings that are less than durability needs are found out.

use system_tests::nats::{Nats, Syncs};
use tidegate_cluster::{LogName, Shortfall};

use crate::world::{connect, with_stream};

#[test]
fn three_servers_that_sync_are_enough_and_those_that_do_not_tell_are_not() {
    let Some(nats) = Nats::start(3, Syncs::Always) else { return };
    let (name, single): (LogName, LogName) = ("main".parse().unwrap(), "single".parse().unwrap());
    let servers = with_stream(&nats, &name, 3);
    let system = connect(nats.system_addresses());
    assert_eq!(servers.shortfalls(&name, Some(&system)).unwrap(), []);
    let untold = |n| Shortfall::Untold { server: format!("n{n}") };
    assert_eq!(servers.shortfalls(&name, None).unwrap(), [untold(0), untold(1), untold(2)]);

    let servers = with_stream(&nats, &single, 1);
    let shortfalls = servers.shortfalls(&single, Some(&system)).unwrap();
    let sentences: Vec<String> = shortfalls.iter().map(ToString::to_string).collect();
    assert_eq!(sentences, ["the stream's num_replicas is 1, needed: at least 3"]);
}

#[test]
fn a_server_that_acknowledges_before_it_syncs_is_named() {
    let Some(nats) = Nats::start(1, Syncs::Default) else { return };
    let name = LogName::default();
    let servers = with_stream(&nats, &name, 1);
    let system = connect(nats.system_addresses());
    let shortfalls = servers.shortfalls(&name, Some(&system)).unwrap();
    assert!(
        shortfalls.contains(&Shortfall::NotSynced { server: "n0".to_owned() }),
        "{shortfalls:?}"
    );
}
