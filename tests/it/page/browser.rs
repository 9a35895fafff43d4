//! What people do at the pages.

use serde_json::Value;
use system_tests::browser::{Browser, Scripts};

use super::{World, sign_in};

/// Whether nothing was said in the console, and nobody else was asked for anything.
fn is_clean(browser: &Browser, world: &World) {
    assert_eq!(browser.console(), Vec::<String>::new());
    let requested = browser.requested();
    let ours = world.address("/");
    // What the window showed before it showed a page is the browser's own.
    let foreign = |address: &&String| {
        ![ours.as_str(), "chrome://", "data:"].iter().any(|own| address.starts_with(*own))
    };
    assert!(requested.iter().any(|address| address.starts_with(&ours)));
    assert_eq!(requested.iter().find(foreign), None);
}

fn history(world: &World, key: &str) -> Vec<Value> {
    let path = format!("/v1/experiments/{key}/history?limit=500");
    world.daemon.get(&path).body["items"].as_array().unwrap().clone()
}

#[test]
fn a_rollout_is_followed_live_from_shadow_to_rollback() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    browser.open(&world.address("/experiments/door"));
    sign_in(&browser, &world.read, "Bob");
    assert_eq!(browser.address(), world.address("/experiments/door"));
    assert_eq!(browser.text("#phase"), "Shadow");
    // Gone if the page were loaded anew.
    browser.run("window.neverReloaded = true;");
    // The stream stands before anything is told by it.
    browser.await_that("document.querySelector('#connection').hidden");
    world.open_test("door");
    browser.await_that("document.querySelector('#phase').textContent === 'A/B test'");
    world.fail("door");
    assert_eq!(world.status("door")["phase"], "rolled_back");
    browser.await_that("document.querySelector('#phase').textContent === 'Rolled back'");
    let said = "document.querySelector('#news').textContent.includes('door: Rolled back')";
    browser.await_that(said);
    assert_eq!(browser.run("return window.neverReloaded;"), true);
    assert!(browser.text("#history").contains("A/B test → Rolled back"));
    assert_eq!(browser.text("#roll-back"), "");
    is_clean(&browser, &world);
}

#[test]
fn somebody_rolls_back_by_hand_and_is_on_record() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    world.open_test("door");
    browser.open(&world.address("/"));
    sign_in(&browser, &world.admin, "Ann Ode");
    // It is in reach on every page.
    for page in ["/prompts/risk", "/prompts", "/", "/experiments/door"] {
        browser.open(&world.address(page));
        assert_eq!(browser.text("#roll-back a"), "Roll back door…", "{page}");
    }
    browser.click("#roll-back a");
    let moved = browser.text("#moved");
    let treated = (0..super::CAMERAS).filter(|number| {
        let path = format!("/v1/experiments/door/assignments/camera-{number}");
        world.daemon.get(&path).body["variant"] == "treatment"
    });
    let treated = treated.count();
    assert_eq!(
        moved,
        format!("{treated} of 12 known cameras change from the treatment to the control.")
    );
    // Nothing is done without a reason.
    browser.click("#confirm");
    assert_eq!(world.status("door")["phase"], "ab");
    browser.write("#reason", "The gate <b>never</b> closes");
    browser.click("#confirm");
    browser.await_that("document.querySelector('#phase')?.textContent === 'Rolled back'");
    assert_eq!(browser.address(), world.address("/experiments/door"));
    let last = history(&world, "door").pop().unwrap();
    assert_eq!(
        (&last["to"], &last["action"], &last["actor"], &last["reason"]),
        (
            &"rolled_back".into(),
            &"roll_back".into(),
            &"Ann Ode".into(),
            &"The gate <b>never</b> closes".into()
        )
    );
    assert!(browser.text("#history").contains("The gate <b>never</b> closes"));
    is_clean(&browser, &world);
}

#[test]
fn evidence_that_does_not_pass_is_shown_and_accepted_in_the_form() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    browser.open(&world.address("/experiments/door/act?action=advance"));
    sign_in(&browser, &world.admin, "Ann");
    assert!(browser.text("fieldset").contains("Go on although it is inconclusive"));
    browser.write("#reason", "We know this prompt");
    browser.click("#confirm");
    assert_eq!(world.status("door")["phase"], "shadow");
    browser.click("#accept");
    browser.click("#confirm");
    browser.await_that("document.querySelector('#phase')?.textContent === 'A/B test'");
    assert_eq!(history(&world, "door").pop().unwrap()["accepted"], "inconclusive");
}

#[test]
fn a_page_that_is_behind_does_nothing_before_it_was_read_again() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    browser.open(&world.address("/experiments/door/act?action=hold"));
    sign_in(&browser, &world.admin, "Ann");
    assert_eq!(world.daemon.act("door", "pause").status, 200);
    browser.write("#reason", "We look first");
    browser.click("#confirm");
    browser.await_that("document.querySelector('[role=alert]')");
    assert!(browser.text("[role=alert]").contains("revision"), "{}", browser.text("main"));
    assert_eq!(world.status("door")["condition"], "paused");
}

#[test]
fn a_page_whose_daemon_is_gone_no_longer_says_that_it_is_well() {
    for page in ["/experiments/door", "/experiments/door/act?action=hold"] {
        let world = World::new();
        let Some(browser) = Browser::start(Scripts::On) else { return };
        browser.open(&world.address(page));
        sign_in(&browser, &world.admin, "Ann");
        assert!(browser.text("#health").contains("The daemon is well"), "{page}");
        let _ = world.daemon.kill();
        // Where nothing follows it, it is asked for every 30 seconds, and when somebody looks again.
        browser.run("document.dispatchEvent(new Event('visibilitychange'));");
        browser.await_that("!document.querySelector('#connection').hidden");
        assert_eq!(browser.run("return document.querySelector('#health').hidden;"), true);
        assert!(browser.text("#connection").contains("does not answer"), "{page}");
    }
}

#[test]
fn whoever_may_look_does_not_act() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    browser.open(&world.address("/experiments/door"));
    sign_in(&browser, &world.read, "Bob");
    assert_eq!(browser.count("a[href*='/act']"), 0);
    browser.open(&world.address("/experiments/door/act?action=roll_back"));
    assert!(browser.text("main").contains("the token lacks the scope `admin`"));
    browser.open(&world.address("/"));
    let sent = browser.run_until_done(
        "const token = document.querySelector('[name=form_token]').value;
         const fields = {form_token: token, action: 'roll_back', revision: '2', reason: 'r', actor: 'a'};
         fetch('/experiments/door/act', {method: 'POST', body: new URLSearchParams(fields)})
             .then((answer) => done(answer.status));",
    );
    assert_eq!(sent, 403);
    assert_eq!(world.status("door")["phase"], "shadow");
}

#[test]
fn everything_is_read_and_done_without_scripts() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::Off) else { return };
    world.open_test("door");
    browser.open(&world.address("/"));
    sign_in(&browser, &world.admin, "Ann");
    assert_eq!(browser.text("#zone"), "Times are in UTC.");
    browser.click("h2 a");
    for words in ["What is happening?", "Is it harmful?", "How do we know?", "What happened?"] {
        assert!(browser.text("main").contains(words), "{words}");
    }
    assert!(browser.text("#history").contains("2026-03-02 09:00 UTC"));
    browser.open(&world.address("/prompts/risk"));
    browser.click("form.row button");
    assert_eq!(browser.text(".removed mark"), "a");
    assert_eq!(browser.text(".added mark"), "one");
    browser.open(&world.address("/experiments/door"));
    browser.click("#roll-back a");
    browser.write("#reason", "Enough");
    browser.click("#confirm");
    assert_eq!(browser.text("#phase"), "Rolled back");
    assert_eq!(world.status("door")["phase"], "rolled_back");
}
