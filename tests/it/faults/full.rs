//! A disk that fills up: before the first start, while observations come, at a snapshot, at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use system_tests::daemon::Daemon;
use system_tests::fault_shim::{Fault, Shim};
use system_tests::skipped;

use crate::faults::fleet::{
    KEY, analyses, assert_calm, assignments, await_not_ready, await_ready, begin, observe, phase,
    read, serves_control_only, start,
};

const FOR_EVER: u32 = u32::MAX;

fn ends_well(daemon: Daemon) {
    let (well, log) = daemon.terminate();
    assert!(well, "{}", log.join("\n"));
    assert_calm(&log);
}

/// Reports single analyses until one is refused, and gives how many were taken and why no more.
fn fill_up(daemon: &Daemon, from: u32) -> (u32, String) {
    for number in from..from + 4_000 {
        let reply = observe(daemon, &analyses("a", number..number + 1));
        if reply.status != 200 {
            return (number, reply.body["code"].as_str().unwrap_or_default().to_owned());
        }
    }
    panic!("the disk never filled up")
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn below_the_reserve_nothing_is_taken_in_and_all_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let full = start(folder.path()).with(&["--disk-reserve-mb", "1048576"]);
    let daemon = full.ready();
    begin(&daemon);
    let refused = observe(&daemon, &analyses("a", 0..8));
    assert_eq!(refused.status, 507, "{}", refused.text);
    assert_eq!(refused.body["code"], "disk_full");
    assert!(refused.text.contains("nothing was taken in"), "{}", refused.text);
    // The standing assignment, not control for want of a journal.
    assert!(assignments(&daemon).iter().any(|one| one["variant"] == "treatment"));
    assert_eq!(daemon.get("/readyz").status, 200);
    assert_eq!(daemon.act(KEY, "hold").status, 200);
    assert_eq!(daemon.act(KEY, "stop").status, 200);
    ends_well(daemon);
    let kept = read(folder.path()).unwrap();
    assert!(kept.numbers.is_empty(), "{kept:?}");
    let daemon = start(folder.path()).ready();
    assert_eq!(phase(&daemon), "stopped");
    println!("below the reserve: 507, 3 actions done and kept, no observation taken in");
}

/// A small file system in memory.
struct Mounted {
    at: PathBuf,
    _folder: tempfile::TempDir,
}

impl Mounted {
    /// Says so and gives `None` where this process may not mount.
    fn new(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("small");
        fs::create_dir(&at).unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self { at, _folder: folder });
        }
        skipped("a small tmpfs cannot be mounted; the shim's ENOSPC stands for it");
        None
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Fills it up, but for so many bytes.
    fn fill_but(&self, left: u64) {
        let free = tidegate_journal::free_bytes(&self.at).unwrap().saturating_sub(left);
        // An error is what a disk that is full gives.
        let written = fs::write(self.filler(), vec![1; usize::try_from(free).unwrap()]);
        assert!(written.is_ok() || left == 0, "{written:?}");
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A daemon that a failed test left may hold it; it goes with the last of its files.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn a_small_disk_that_is_really_full_is_survived_at_every_stage() {
    let Some(disk) = Mounted::new(8) else { return };
    let data = disk.at.join("journal");
    let start = start(&data).with(&["--disk-reserve-mb", "1", "--snapshot-every", "100"]);

    // Before the first start.
    disk.fill_but(0);
    let daemon = start.listening();
    let why = await_not_ready(&daemon, "store_unavailable");
    assert!(why.contains("space") && why.contains("disk"), "{why}");
    assert!(serves_control_only(&daemon));
    disk.free();
    await_ready(&daemon);
    begin(&daemon);

    // While observations come: refused before the disk is full.
    disk.fill_but(1_300_000);
    let (taken, why) = fill_up(&daemon, 0);
    assert_eq!(why, "disk_full");
    assert!(taken > 0);
    assert!(!serves_control_only(&daemon), "the standing assignment is served");

    // To the last byte: an action finds no room, and the daemon recovers once there is some.
    disk.free();
    disk.fill_but(0);
    let mut acted = 200;
    for _ in 0..2_000 {
        acted = daemon.act(KEY, "hold").status.max(daemon.act(KEY, "resume").status);
        if acted == 503 {
            break;
        }
    }
    let filled = if acted == 503 {
        await_not_ready(&daemon, "store_unavailable");
        assert!(serves_control_only(&daemon));
        "an action found no room"
    } else {
        "2,000 actions found room in what the store had already"
    };
    disk.free();
    await_ready(&daemon);
    assert_eq!(observe(&daemon, &analyses("a", taken..taken + 1)).status, 200);

    // At the end, where the last snapshot finds no room.
    disk.fill_but(0);
    ends_well(daemon);
    disk.free();
    let daemon = start.ready();
    await_ready(&daemon);
    ends_well(daemon);
    let kept = read(&data).unwrap();
    assert!(kept.numbers["a"].iter().copied().eq(0..=taken), "{:?}", kept.numbers);
    println!("a full disk at 4 stages: {} acknowledged, all kept once; {filled}", taken + 1);
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn no_space_for_any_call_is_survived_at_every_stage() {
    let workshop = tempfile::tempdir().unwrap();
    let root = workshop.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(shim) = Shim::new(workshop.path(), &root) else { return };
    let data: &Path = &shim.folder().join("journal");
    let start = shim.load(start(data).with(&["--snapshot-every", "100"]));
    let no_space = |kinds, skip| shim.fail(Fault { kinds, error: "ENOSPC", skip, count: FOR_EVER });

    // Before the first start, at every one of its calls.
    for skip in 0..24 {
        no_space("write,name", skip);
        let daemon = start.listening();
        let known = |reply: &system_tests::daemon::Reply| reply.body["status"] != "recovering";
        let standing =
            crate::faults::fleet::await_reply("a standing", || daemon.get("/readyz"), known);
        if standing.status == 503 {
            assert_eq!(standing.body["status"], "store_unavailable", "{skip}: {}", standing.text);
            assert!(serves_control_only(&daemon));
        }
        ends_well(daemon);
        shim.mend();
    }
    let daemon = start.ready();
    await_ready(&daemon);
    begin(&daemon);

    // At snapshots, which are no reason to stop.
    no_space("name", 0);
    for number in 0..300 {
        let reply = observe(&daemon, &analyses("a", number..number + 1));
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    daemon.await_log("a snapshot was not written");
    shim.mend();

    // While observations come.
    no_space("write,name", 5);
    let (taken, why) = fill_up(&daemon, 300);
    assert_eq!(why, "store_unavailable");
    let why = await_not_ready(&daemon, "store_unavailable");
    assert!(why.contains("space") && why.contains("disk"), "{why}");
    shim.mend();
    await_ready(&daemon);
    assert_eq!(observe(&daemon, &analyses("a", taken..taken + 1)).status, 200);

    // At the end.
    no_space("write,name", 0);
    ends_well(daemon);
    shim.mend();
    let daemon = start.ready();
    await_ready(&daemon);
    ends_well(daemon);
    let kept = read(data).unwrap();
    assert!(kept.numbers["a"].iter().copied().eq(0..=taken), "{:?}", kept.numbers);
    println!("ENOSPC at 4 stages: {} acknowledged, all kept once", taken + 1);
}
