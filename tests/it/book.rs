//! The book, `docs/`: its pages are in its summary, its links lead somewhere, and every command of it is run.

pub(crate) mod machine;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run;
use machine::{Machine, Prepared, there_is};

/// Lines that a page may have; a longer one is two pages.
const LINES_MAX: usize = 750;

/// Pages whose commands are run by a test of their own.
const RUN_ELSEWHERE: [(&str, &str); 7] = [
    ("api.md", "api::examples, against three daemons, with every answer compared"),
    ("api-prompts.md", "api::examples, after those of api.md"),
    ("api-review.md", "api::examples, after those of api-prompts.md"),
    ("api-figures.md", "api::examples, after those of api-review.md"),
    ("api-errors.md", "api::examples, after those of api-figures.md"),
    ("evaluate.md", "evaluate::guide, with every table compared"),
    ("python.md", "python, which builds the wheel, installs it and runs every example"),
];

/// Why a block of commands may stay unrun; whoever adds a reason shows that there is no other way.
const NOT_RUN: [&str; 9] = [
    // It would install files and add a user.
    "changes the machine",
    "needs a container engine",
    "needs systemd",
    "it is the test run itself",
    "it compiles the whole program once more",
    // A test of its own starts three.
    "it needs three NATS servers",
    "the tests have the program on their path",
    "the tests have it installed from its wheel",
    "it takes a journal that is years ahead; a test has one",
];

fn docs() -> PathBuf {
    system_tests::repository("docs")
}

fn read(page: &str) -> String {
    fs::read_to_string(docs().join(page)).unwrap()
}

/// A text without what is between `<!--` and `-->`.
fn uncommented(text: &str) -> String {
    let mut parts = text.split("<!--");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once("-->").unwrap().1)
}

/// The pages of the summary, in its order.
fn pages() -> Vec<String> {
    let summary = uncommented(&read("SUMMARY.md"));
    summary.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

/// Every page there is.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.insert(path.strip_prefix(docs()).unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn every_page_is_in_the_summary_once_and_of_a_length_to_read() {
    let listed = pages();
    let set: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "a page is listed twice");
    let mut there = files(&docs());
    there.remove("SUMMARY.md");
    assert_eq!(set, there);
    for page in listed {
        let text = read(&page);
        assert!(text.starts_with("# "), "{page} has no title");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{page} has {lines} lines");
    }
}

/// A text without its blocks of code, in which `#` and `](` mean something else.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The anchors of a page's headings, as mdBook and code hosts make them.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let mut anchors = BTreeSet::new();
    for heading in headings {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        let anchor: String = heading.chars().filter(kept).collect();
        let anchor = anchor.replace(' ', "-");
        // A heading that comes again gets a number.
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let mut all = std::iter::once(anchor.clone()).chain(numbered);
        let free = all.find(|anchor| !anchors.contains(anchor)).unwrap();
        anchors.insert(free);
    }
    anchors
}

#[test]
fn anchors_are_made_as_readers_of_the_book_make_them() {
    let text =
        "# `POST /v1/observations`\n## Restore, and moving\n## A\n```sh\n# no heading\n```\n## A\n";
    let expected = ["post-v1observations", "restore-and-moving", "a", "a-1"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut documents = vec![];
    for path in ["README.md", "CONTRIBUTING.md", "examples/README.md"] {
        documents.push(system_tests::repository(path));
    }
    documents.extend(files(&docs()).into_iter().map(|page| docs().join(page)));
    let mut links = 0;
    for document in documents {
        let shown = document.display();
        let text = fs::read_to_string(&document).unwrap();
        let prose = prose(&uncommented(&text));
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = match target {
                "" => document.clone(),
                target => document.parent().unwrap().join(target),
            };
            assert!(path.exists(), "{shown} links to {link}");
            if !anchor.is_empty() {
                let found = anchors(&fs::read_to_string(&path).unwrap()).contains(anchor);
                assert!(found, "{shown} links to {link}, and there is no such heading");
            }
            links += 1;
        }
    }
    assert!(links >= 60, "{links}");
}

/// A block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What the comment before it says.
    mark: String,
    pub(crate) text: String,
    /// What is shown of what it prints: the block of text that follows it.
    shown: Option<String>,
}

/// Every block of commands of a page.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut mark = "";
    // Whether nothing but blank lines came since the last block.
    let mut at_once = false;
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text = text.join("\n");
            assert!(!language.is_empty(), "a block without a language:\n{text}");
            match language {
                "sh" => blocks.push(Block { mark: mark.to_owned(), text, shown: None }),
                "text" if at_once => blocks.last_mut().unwrap().shown = Some(text),
                _ => {}
            }
            at_once = language == "sh";
            mark = "";
        } else if !line.is_empty() {
            at_once = false;
            mark = line.strip_prefix("<!-- ").and_then(|m| m.strip_suffix(" -->")).unwrap_or("");
        }
    }
    blocks
}

/// How a block is run.
#[derive(Debug, PartialEq, Eq)]
enum How {
    /// On the page's machine, after the blocks before it.
    Story,
    /// The same, but it goes on in the background once it has printed this.
    Background(String),
    /// On a machine of its own.
    Alone(Prepared),
    /// Not at all, for this reason.
    Not(String),
}

/// What a mark says: how, and what is put in place of what. A block that is changed prints something else than is shown.
fn read_mark(mark: &str) -> Result<(How, Option<(String, String)>), String> {
    if let Some(reason) = mark.strip_prefix("not run: ") {
        if !NOT_RUN.contains(&reason) {
            return Err(format!("`{reason}` is no reason that is known"));
        }
        return Ok((How::Not(reason.to_owned()), None));
    }
    let Some(how) = mark.strip_prefix("run: ") else {
        return Err("a block of commands has no mark `run: …` or `not run: …`".to_owned());
    };
    let (how, change) =
        how.split_once("; with ").map_or((how, None), |(how, change)| (how, Some(change)));
    let change = match change.map(|change| change.split_once(" in place of ")) {
        None => None,
        Some(Some((new, old))) => Some((old.to_owned(), new.to_owned())),
        Some(None) => return Err(format!("`{mark}` puts nothing in place of something")),
    };
    let how = match how {
        "story" => How::Story,
        "files" => How::Alone(Prepared::Files),
        "daemon" => How::Alone(Prepared::Daemon),
        "rollout" => How::Alone(Prepared::Rollout),
        "stopped" => How::Alone(Prepared::Stopped),
        "restore" => How::Alone(Prepared::Restore),
        "damaged" => How::Alone(Prepared::Damaged),
        other => match other.strip_prefix("background until ") {
            Some(words) => How::Background(words.to_owned()),
            None => return Err(format!("`{other}` is no way to run a block")),
        },
    };
    Ok((how, change))
}

/// Whether a text is as shown: `…` stands for any part of a line, and alone on a line for any lines.
pub(crate) fn is_as_shown(shown: &str, printed: &str) -> bool {
    let lines = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
    lines_match(&lines(shown.trim_matches('\n')), &lines(printed.trim_matches('\n')))
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, more)| line_matches(first, line) && lines_match(rest, more)),
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    // What stands for something that varies in length moves what comes after it: blanks count as one.
    let shown: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed: String = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = shown.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (n, part) in parts.iter().enumerate() {
        let found = if n + 1 == parts.len() {
            rest.ends_with(part).then(|| rest.len() - part.len())
        } else {
            rest.find(part)
        };
        let Some(at) = found else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn what_is_printed_otherwise_than_shown_is_found() {
    for (shown, printed) in [
        ("a\nb", "a\nb\n"),
        ("a …", "a 1"),
        ("a … c … e", "a b c d e"),
        ("… c", "b c"),
        ("a\n…\nd", "a\nb\nc\nd"),
        ("…\nd", "d"),
        ("a    …  b", "a 12 b"),
    ] {
        assert!(is_as_shown(shown, printed), "{shown} {printed}");
    }
    for (shown, printed) in [
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a … c", "a b d"),
        ("a … c", "a b c d"),
        ("a\n…\nd", "a\nb\nc"),
        ("…\nd", "d\ne"),
        ("a …", "b 1"),
    ] {
        assert!(!is_as_shown(shown, printed), "{shown} {printed}");
    }
}

#[test]
fn a_block_without_a_mark_or_with_one_that_means_nothing_is_found() {
    let marked = |mark: &str| read_mark(&blocks(&format!("{mark}\n```sh\ntrue\n```\n"))[0].mark);
    assert!(marked("words").is_err());
    assert!(marked("<!-- run: nowhere -->").is_err());
    assert!(marked("<!-- not run: no -->").is_err());
    assert!(marked("<!-- run: story; with 4 -->").is_err());
    let change = Some(("200".to_owned(), "4".to_owned()));
    assert_eq!(marked("<!-- run: story; with 4 in place of 200 -->"), Ok((How::Story, change)));
    let reason = How::Not("needs a container engine".to_owned());
    assert_eq!(marked("<!-- not run: needs a container engine -->"), Ok((reason, None)));
    // A mark is for the next block alone.
    let two = blocks("<!-- run: story -->\n```sh\na\n```\n\n```sh\nb\n```\n");
    assert!(read_mark(&two[1].mark).is_err());
}

/// What a block that was run alone must have led to.
fn check_after(prepared: Prepared, machine: &Machine, block: &str) {
    match prepared {
        Prepared::Rollout => {
            let status = machine.done("tidegate status night");
            assert!(status.contains("rolled_back"), "{block}\n{status}");
        }
        Prepared::Daemon => {
            let list = machine.done("tidegate experiment list");
            assert!(list.contains("night"), "{block}\n{list}");
        }
        Prepared::Stopped | Prepared::Restore | Prepared::Damaged => {
            if block.contains("systemctl start") {
                let list = machine.done("tidegate experiment list");
                assert!(list.contains("night"), "{block}\n{list}");
            }
        }
        Prepared::Files => {}
    }
}

/// Runs the commands of a page; how many blocks were run and compared, and how many not run. What is printed otherwise than it
/// is shown goes to `differences`.
fn run_page(page: &str, python: Option<&Path>, differences: &mut Vec<String>) -> [usize; 3] {
    let story = std::cell::OnceCell::new();
    let begin = || {
        let machine = Machine::new();
        if let Some(interpreter) = python {
            machine.has_python(interpreter);
        }
        machine
    };
    let mut counts = [0; 3];
    for block in blocks(&read(page)) {
        let (how, change) =
            read_mark(&block.mark).unwrap_or_else(|why| panic!("{page}: {why}\n{}", block.text));
        let mut text = block.text.clone();
        if let Some((old, new)) = &change {
            assert!(text.contains(old), "{page}: no {old} in\n{text}");
            text = text.replace(old, new);
        }
        let printed = match how {
            How::Not(_) => {
                counts[2] += 1;
                continue;
            }
            How::Background(words) => {
                story.get_or_init(begin).start(&text, &words);
                String::new()
            }
            How::Story => story.get_or_init(begin).done(&text),
            How::Alone(prepared) => {
                let machine = Machine::prepared(prepared);
                let printed = machine.done(&text);
                check_after(prepared, &machine, &text);
                printed
            }
        };
        counts[0] += 1;
        if let (Some(shown), None) = (&block.shown, &change) {
            if !is_as_shown(shown, &printed) {
                differences.push(format!("{page}:\n{text}\nprinted\n{printed}"));
            }
            counts[1] += 1;
        }
    }
    counts
}

#[test]
#[expect(clippy::print_stderr, reason = "how much was run is worth knowing")]
fn every_command_of_every_page_is_run() {
    for program in ["curl", "openssl", "python3"] {
        if !there_is(program) {
            return;
        }
    }
    for (page, test) in RUN_ELSEWHERE {
        assert!(pages().iter().any(|known| known == page), "{page}, {test}");
    }
    let python = crate::python::installed();
    let (mut total, mut differences) = ([0; 3], Vec::new());
    for page in pages() {
        if RUN_ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == page) {
            continue;
        }
        // Its analyzer needs the package; that there is none was said.
        if page == "start.md" && python.is_none() {
            continue;
        }
        let counts = run_page(&page, python.as_deref(), &mut differences);
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    let [run, compared, not] = total;
    eprintln!("{run} blocks of commands were run, {compared} of them compared; {not} were not run");
    assert!(run >= 20 && compared >= 5, "{total:?}");
}

/// Every source of the repository's code.
fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn whoever_moves_finds_every_old_name_and_every_fault_with_its_test() {
    let page = read("moving.md");
    let metrics = read("metrics.md");
    for name in metrics.split('`').filter(|word| word.starts_with("hsi_")) {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in moving.md");
    }
    let mut code = String::new();
    for folder in ["tests", "crates"] {
        sources(&system_tests::repository(folder), &mut code);
    }
    let rows = page.split("## What was wrong").nth(1).unwrap();
    let mut next = 1;
    for row in rows.lines().filter_map(|line| line.strip_prefix("| ")) {
        let Some((number, _)) = row.split_once(" | ") else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        assert_eq!(number, next, "{row}");
        next += 1;
        let tests: Vec<&str> =
            row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
        let own = format!("point_{number:02}_");
        assert!(tests.iter().any(|test| test.starts_with(&own)), "{row}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}()")), "there is no test {test}");
        }
    }
    assert_eq!(next, 14);
    // Settings are where the page says they are.
    let preset = run(&["experiment", "init", "--preset", "rubric_vs_current"]).out;
    let settings: toml::Table = toml::from_str(&preset).unwrap();
    let mut named = 0;
    for rest in page.split("`[").skip(1) {
        let Some((section, rest)) = rest.split_once("] ") else { continue };
        let key = rest.split('`').next().unwrap();
        assert!(settings[section].get(key).is_some(), "there is no [{section}] {key}");
        named += 1;
    }
    assert!(named >= 10, "{named}");
}

/// mdBook, where it is installed or `.ci/run` unpacked it; says so where it is not.
fn mdbook() -> Option<PathBuf> {
    let unpacked = system_tests::repository("target/tools/bin/mdbook");
    for path in [Path::new("mdbook"), &unpacked] {
        if Command::new(path).arg("--version").output().is_ok() {
            return Some(path.to_owned());
        }
    }
    system_tests::skipped("no mdbook on this machine");
    None
}

#[test]
fn mdbook_makes_a_page_of_every_page() {
    let Some(mdbook) = mdbook() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut build = Command::new(mdbook);
    build.args(["build", "--dest-dir"]).arg(folder.path()).arg(docs());
    let output = build.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let calm = !told.contains("WARN") && !told.contains("ERROR");
    assert!(output.status.success() && calm, "{told}");
    for page in pages() {
        let path = folder.path().join(&page).with_extension("html");
        let html = fs::read_to_string(&path).unwrap();
        let title = read(&page).lines().next().unwrap().trim_start_matches("# ").to_owned();
        let title = title.split(['`', '\'']).next().unwrap().to_owned();
        assert!(html.contains(&title), "{} has no `{title}`", path.display());
        // Headings have the anchors that links ask for.
        for anchor in anchors(&read(&page)) {
            assert!(html.contains(&format!("id=\"{anchor}\"")), "{page} has no {anchor}");
        }
    }
}
