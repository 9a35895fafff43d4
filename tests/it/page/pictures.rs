//! The pictures of the docs, of the demonstration's own daemon. With `TIDEGATE_BLESS=1` they are taken anew:
//! `TIDEGATE_BLESS=1 cargo test -p system-tests --test it page::pictures`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use system_tests::browser::{Browser, Colours, Scripts};

/// Each with its page, its colours and its size.
const PICTURES: [(&str, &str, Colours, (u32, u32)); 4] = [
    ("overview-light", "/", Colours::Light, (1_000, 560)),
    ("rollout-light", "/experiments/nemotron_prompt_v2", Colours::Light, (1_000, 900)),
    ("rollout-dark", "/experiments/nemotron_prompt_v2", Colours::Dark, (1_000, 900)),
    ("rollout-phone", "/experiments/nemotron_prompt_v2", Colours::Light, (400, 800)),
];

/// The demonstration, which ends its daemon when it is told to end.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn the_pictures_show_what_the_demonstration_shows() {
    let Some(browser) = Browser::start(Scripts::On) else { return };
    let mut demo = Command::new(env!("CARGO_BIN_EXE_tidegate-under-test"))
        .args(["demo", "--page"])
        .stdout(Stdio::piped())
        .spawn()
        .map(Demo)
        .unwrap();
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let page = lines.find_map(|line| line.strip_prefix("The page: ").map(str::to_owned)).unwrap();
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    for (name, path, colours, (width, height)) in PICTURES {
        browser.resize(width, height);
        browser.prefer(colours);
        browser.open(&format!("{}{path}", page.trim_end_matches('/')));
        if path != "/" {
            assert!(browser.count("#verdicts figure svg[role=img]") >= 6, "{name}: charts");
            assert!(browser.count("#cameras tbody tr") == 50, "{name}: cameras");
            assert!(browser.count("#chart-scores-title") == 1, "{name}: both scores");
        }
        let file = system_tests::repository(&format!("docs/page/{name}.png"));
        let picture = BASE64_STANDARD.decode(browser.screenshot()).unwrap();
        if bless {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &picture).unwrap();
        }
        let kept = std::fs::metadata(&file).unwrap_or_else(|_| panic!("no {}", file.display()));
        assert!((10_000..150_000).contains(&kept.len()), "{name}: {} bytes", kept.len());
    }
}
