//! Every command of `docs/prompts.md` works, in its order.

use std::process::Command;

use super::{PROGRAM, World};

#[test]
fn every_command_of_the_guide_works() {
    let guide = std::fs::read_to_string(system_tests::repository("docs/prompts.md")).unwrap();
    let world = World::new(&[]);
    let work = world.folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let blocks = guide.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut count = 0;
    for block in blocks {
        let script = format!("set -eu\ntidegate() {{ '{PROGRAM}' \"$@\"; }}\n{block}");
        let ran = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&work)
            .env("TIDEGATE_SERVER", world.daemon.address())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{block}\n{}", String::from_utf8_lossy(&ran.stderr));
        count += 1;
    }
    assert_eq!(count, 6);
    let served = std::fs::read_to_string(work.join("served.txt")).unwrap();
    assert_eq!(served, "Say what you see.\nGive a risk score from 0 to 100.\n");
    assert_eq!(world.production(), ("v1_original".to_owned(), 3));
    assert_eq!(
        world.get("/v1/prompts/yard/versions/production")["created_at"],
        "2025-11-03T09:00:00Z"
    );
}
