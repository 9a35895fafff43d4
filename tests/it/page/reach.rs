//! Everybody can use the pages: in any colours, on a narrow screen, by the keyboard, with what reads them aloud.

use std::fs;

use serde_json::Value;
use system_tests::browser::{Browser, Colours, Scripts};

use super::{World, sign_in};
use crate::packages;

/// Every page there is.
const PAGES: [&str; 8] = [
    "/",
    "/experiments/door",
    "/experiments/door/act?action=roll_back",
    "/experiments/door/act?action=advance",
    "/prompts",
    "/prompts/risk",
    "/prompts/risk/versions/v1",
    "/prompts/risk/diff?from=v1&to=v2",
];

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.run(axe);
    let found =
        browser.run_until_done("axe.run(document).then((found) => done(found.violations));");
    let found = found.as_array().unwrap().iter().map(|violation| {
        let nodes = violation["nodes"].as_array().unwrap().iter();
        let nodes: Vec<String> = nodes.map(|node| node["html"].to_string()).collect();
        format!("{}: {}", violation["id"], nodes.join("\n  "))
    });
    found.collect()
}

#[test]
fn axe_finds_nothing_against_any_page_in_light_and_dark() {
    let sources = system_tests::repository("tests/browser");
    let Some(folder) = packages::javascript("browser", &sources) else { return };
    let axe = fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap();
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    world.open_test("door");
    for colours in Colours::ALL {
        browser.prefer(colours);
        if browser.count("form.session") == 0 {
            browser.open(&world.address("/sign-in"));
            assert_eq!(violations(&browser, &axe), Vec::<String>::new(), "{colours:?} sign-in");
            sign_in(&browser, &world.admin, "Ann");
        }
        for page in PAGES.into_iter().chain(["/experiments/none"]) {
            browser.open(&world.address(page));
            assert_eq!(violations(&browser, &axe), Vec::<String>::new(), "{colours:?} {page}");
        }
    }
    world.fail("door");
    for page in ["/", "/experiments/door"] {
        browser.open(&world.address(page));
        assert_eq!(violations(&browser, &axe), Vec::<String>::new(), "{page}");
    }
}

#[test]
fn a_page_of_400_pixels_is_no_wider_than_its_screen() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    let key = "k".repeat(128);
    world.begin(&key);
    world.open_test("door");
    browser.resize(400, 800);
    browser.open(&world.address("/"));
    sign_in(&browser, &world.admin, &"W".repeat(128));
    let longest = format!("/experiments/{key}");
    for page in PAGES.into_iter().chain([longest.as_str()]) {
        browser.open(&world.address(page));
        let width = browser.run("return document.documentElement.scrollWidth;");
        assert!(width.as_u64().unwrap() <= 400, "{page}: {width}");
    }
}

/// Presses the tabulator until an element has the focus.
fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..60 {
        browser.press(&TAB.to_string());
        let here = format!("return document.activeElement.matches({});", Value::from(selector));
        if browser.run(&here) == true {
            return;
        }
    }
    panic!("the tabulator does not lead to {selector}");
}

#[test]
fn the_keyboard_alone_signs_in_and_rolls_back() {
    let world = World::new();
    let Some(browser) = Browser::start(Scripts::On) else { return };
    browser.open(&world.address("/"));
    tab_to(&browser, "#name");
    browser.press("Ann");
    tab_to(&browser, "#token");
    browser.press(&format!("{}{ENTER}", world.admin));
    browser.await_that("document.querySelector('h2 a')");
    tab_to(&browser, ".skip");
    tab_to(&browser, "h2 a");
    browser.press(&ENTER.to_string());
    browser.await_that("document.querySelector('#actions')");
    tab_to(&browser, "#actions a[href$='roll_back']");
    browser.press(&ENTER.to_string());
    browser.await_that("document.querySelector('#confirm')");
    // The reason is asked for at once.
    assert_eq!(browser.run("return document.activeElement.id;"), "reason");
    browser.press("Enough");
    tab_to(&browser, "#confirm");
    browser.press(&ENTER.to_string());
    browser.await_that("document.querySelector('#phase')?.textContent === 'Rolled back'");
    assert_eq!(world.status("door")["phase"], "rolled_back");
}
