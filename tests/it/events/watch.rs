//! `tidegate status --watch` sees what happens at once, also after a kill of the daemon.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::{PROGRAM, World, running};

#[test]
fn a_watch_sees_each_change_at_once_and_comes_back_after_a_kill() {
    let world = World::new(&[]);
    let daemon = world.ready();
    running(&daemon, "door", "");
    let address = daemon.address().to_owned();
    // It would look again in an hour.
    let mut watch = Command::new(PROGRAM)
        .args(["status", "door", "--watch", "--every", "1h", "--server", &address])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || lines.next().expect("a line").unwrap();
    assert!(next().contains("  shadow  "));
    // The stream is open once the daemon counts it.
    while !daemon.get("/metrics").text.contains("tidegate_event_streams 1.0") {
        std::thread::yield_now();
    }
    daemon.act("door", "hold");
    assert!(next().contains("  shadow (held)  "));
    daemon.kill();
    let daemon = world.start().at(&address).ready();
    daemon.set_time(super::BEGAN_MS);
    daemon.act("door", "pause");
    assert!(next().contains("  shadow (paused)  "));
    daemon.act("door", "roll_back");
    assert!(next().contains("  rolled_back  "));
    let output = watch.wait_with_output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.lines().count() <= 1 && !told.contains("panicked"), "{told}");
}
