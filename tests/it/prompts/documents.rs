//! Export and import.

use serde_json::{Value, json};
use system_tests::daemon::{Reply, Start};

use super::{NEW, OLD, World, digest};

fn post(world: &World, path: &str, document: &Value) -> Reply {
    let body = json!({"document": document, "actor": "bob", "reason": "moving house"});
    world.daemon.post(path, &body)
}

fn preview(world: &World, document: &Value) -> Reply {
    post(world, "/v1/prompts/door/import?preview=true", document)
}

fn import(world: &World, document: &Value) -> Reply {
    post(world, "/v1/prompts/door/import", document)
}

#[test]
fn an_export_is_taken_in_elsewhere_as_it_was_and_twice_does_nothing() {
    let from = World::with_door(&[]);
    let document = from.get("/v1/prompts/door/export");
    let to = World::new(&[]);
    let foretold = preview(&to, &document);
    assert_eq!(foretold.status, 200, "{}", foretold.text);
    assert_eq!(foretold.body["added"].as_array().unwrap().len(), 3);
    assert_eq!(foretold.body["moved"][0]["label"], "production");
    assert_eq!(to.daemon.get("/v1/prompts/door").status, 404, "a preview does nothing");
    let done = import(&to, &document);
    assert_eq!(done.status, 200, "{}", done.text);
    let (mut told, mut foretold) = (done.body, foretold.body);
    assert_eq!((told["preview"].take(), foretold["preview"].take()), (json!(false), json!(true)));
    assert_eq!(told, foretold);
    assert_eq!(to.get("/v1/prompts/door/export"), document);
    assert_eq!(to.get("/v1/prompts/door/versions/v2_calibrated")["text"], NEW);
    let history = to.get("/v1/prompts/door/labels/production/history");
    assert_eq!(
        (&history["moves"][0]["actor"], &history["moves"][0]["reason"]),
        (&json!("bob"), &json!("moving house"))
    );
    let again = import(&to, &document).body;
    assert_eq!((&again["added"], &again["moved"]), (&json!([]), &json!([])));
    assert_eq!(again["present"], json!(["v1_original", "v2_calibrated", "v3_other"]));
    let to = to.again(|daemon| drop(daemon.kill()));
    assert_eq!(to.get("/v1/prompts/door/export"), document);
}

#[test]
fn an_import_that_something_stands_against_takes_nothing_in() {
    let world = World::with_door(&[]);
    let before = world.everything();
    let document = json!({"tidegate_prompt": 1, "name": "door", "versions": [
        {"text": "quite new", "key": "v4"},
        {"text": "another text", "key": "v1_original"},
        {"text": OLD, "key": "whatever"},
        {"text": "an orphan", "key": "v5", "parent": digest("never seen")},
    ], "labels": [{"label": "candidate", "version": "v4"}, {"label": "canary", "version": "v9"}]});
    let foretold = preview(&world, &document).body;
    assert_eq!(foretold["added"][0]["key"], "v4");
    assert_eq!(foretold["added"][0]["labels"], json!(["candidate"]));
    assert_eq!(foretold["present"], json!(["v1_original"]));
    assert_eq!(foretold["moved"][0]["version"], "v4");
    let conflicts: Vec<_> = foretold["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|conflict| (conflict["pointer"].as_str().unwrap(), conflict["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("/document/versions/1", "name_taken"),
        ("/document/versions/3", "invalid_field"),
        ("/document/labels/1", "invalid_field"),
    ];
    assert_eq!(conflicts, expected);
    let refused = import(&world, &document);
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("import_conflict")));
    let pointers: Vec<_> = refused.body["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(pointers, expected.map(|(pointer, _)| pointer));
    assert_eq!(world.everything(), before);
}

#[test]
fn an_import_in_many_frames_is_whole_or_not_there_after_a_kill() {
    let world = World::with_door(&[]);
    let versions: Vec<Value> = (0..9)
        .map(|number| json!({"text": format!("{number} ").repeat(50_000), "key": format!("big{number}")}))
        .collect();
    let document = json!({"tidegate_prompt": 1, "name": "door", "versions": versions,
                          "labels": [{"label": "candidate", "version": "big8"}]});
    let done = import(&world, &document);
    assert_eq!(done.status, 200, "{}", done.text);
    let before = world.everything();
    let world = world.again(|daemon| drop(daemon.kill()));
    assert_eq!(world.everything(), before);
    // Cut anywhere within it, the journal has all of the import or nothing of it.
    let World { daemon, folder, .. } = world;
    assert!(daemon.terminate().0);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let ran = crate::command::run(&["journal", "export", &path("a"), "--data", &path("data")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let whole = std::fs::read_to_string(path("a")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let entries: Vec<&str> =
        lines.iter().copied().filter(|line| line.starts_with("{\"entry\"")).collect();
    let first = entries.iter().position(|line| line.contains("big0")).unwrap();
    for (number, kept) in [first + 1, entries.len() - 1, entries.len()].into_iter().enumerate() {
        let mut cut = vec![lines[0].to_owned()];
        cut.extend(entries[..kept].iter().map(|&line| line.to_owned()));
        cut.push(format!("{{\"end\":{{\"parts\":0,\"entries\":{kept}}}}}"));
        let name = format!("cut{number}");
        std::fs::write(path(&format!("{name}.jsonl")), cut.join("\n") + "\n").unwrap();
        let file = path(&format!("{name}.jsonl"));
        let ran = crate::command::run(&["journal", "import", &file, "--data", &path(&name)]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let daemon = Start::new(super::PROGRAM, &folder.path().join(&name)).ready();
        let detail = daemon.get("/v1/prompts/door").body;
        let expected = if kept == entries.len() { 12 } else { 3 };
        assert_eq!(detail["versions"], expected, "{kept} of {} entries", entries.len());
    }
}
