//! Who gets a page, and what it is sent with.

use std::io::Read as _;
use std::thread;

use system_tests::daemon::Start;
use system_tests::raw::{Answer, Request};

use super::World;
use crate::command::run;

fn form(path: &str, body: &str) -> Request {
    let request = Request::new("POST", path).header("origin", "http://localhost");
    request.body("application/x-www-form-urlencoded", body)
}

/// Signs in, and gives the cookie.
fn session(world: &World, token: &str) -> String {
    let answer =
        form("/session", &format!("name=Ann&token={token}&to=/")).send(world.daemon.address());
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|has| has == part), "{part}: {cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

fn get(world: &World, path: &str, cookie: &str) -> Answer {
    Request::new("GET", path).header("cookie", cookie).send(world.daemon.address())
}

fn form_token(world: &World, cookie: &str) -> String {
    let page = String::from_utf8(get(world, "/", cookie).body).unwrap();
    let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap();
    token.split('"').next().unwrap().to_owned()
}

#[test]
fn whoever_has_not_signed_in_is_led_there_and_nowhere_else() {
    let world = World::new();
    for page in ["/", "/experiments/door", "/prompts", "/prompts/risk/diff?from=v1&to=v2"] {
        let answer = Request::new("GET", page).send(world.daemon.address());
        assert_eq!(answer.status, 303, "{page}");
        assert!(answer.header("location").unwrap().starts_with("/sign-in?to=%2F"), "{page}");
    }
    // The interface goes on as it was: with a header, and without being led anywhere.
    for path in ["/v1/experiments", "/metrics", "/v1/events"] {
        assert_eq!(Request::new("GET", path).send(world.daemon.address()).status, 401, "{path}");
    }
    let cookie = session(&world, &world.admin);
    for path in ["/v1/experiments", "/metrics", "/v1/experiments/door/status"] {
        assert_eq!(get(&world, path, &cookie).status, 401, "{path}");
    }
    assert_eq!(get(&world, "/", &cookie).status, 200);
    let events = ureq::get(world.address("/v1/events?follow=false")).header("cookie", &cookie);
    assert_eq!(events.call().unwrap().status(), 200);
    // A token that only reports does not look.
    let file = world.tokens.to_str().unwrap();
    let ran = run(&["token", "create", "--name", "r", "--scopes", "record", "--tokens", file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn a_page_loads_nothing_from_elsewhere_and_holds_no_script_of_its_own() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let pages = [
        "/",
        "/experiments/door",
        "/experiments/door/act?action=hold",
        "/prompts/risk",
        "/sign-in",
        "/experiments/none",
    ];
    for page in pages {
        let answer = get(&world, page, &cookie);
        let policy = answer.header("content-security-policy").unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{page}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{page}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{page}");
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(text.matches("<script").count(), 1, "{page}");
        for own in ["<style", " style=", " onclick=", "javascript:", "http://", "https://"] {
            assert!(!text.contains(own), "{page}: {own}");
        }
        let assets = text.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap());
        for asset in assets {
            let path = format!("/assets/{asset}");
            let answer = Request::new("GET", &path).send(world.daemon.address());
            assert_eq!(answer.status, 200, "{path}");
            let kept = "public, max-age=31536000, immutable";
            assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
            assert!(answer.body.len() < 60 * 1024, "{path}");
        }
    }
}

#[test]
fn a_form_from_elsewhere_does_nothing() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let token = form_token(&world, &cookie);
    let body = |token: &str| {
        format!("form_token={token}&action=roll_back&revision=2&reason=enough&actor=ann")
    };
    let send =
        |request: Request| request.header("cookie", &cookie).send(world.daemon.address()).status;
    let kind = "application/x-www-form-urlencoded";
    let path = "/experiments/door/act";
    assert_eq!(send(form(path, &body("0"))), 403);
    assert_eq!(send(form(path, &body(&"0".repeat(64)))), 403);
    assert_eq!(send(Request::new("POST", path).body(kind, body(&token))), 403);
    let foreign = Request::new("POST", path).header("origin", "http://elsewhere.example");
    assert_eq!(send(foreign.body(kind, body(&token))), 403);
    let json = Request::new("POST", path).header("origin", "http://localhost");
    assert_eq!(send(json.body("application/json", body(&token))), 415);
    // The token of one session is not another's.
    let other = session(&world, &world.admin);
    let answer = form(path, &body(&token)).header("cookie", &other).send(world.daemon.address());
    assert_eq!(answer.status, 403);
    assert_eq!(world.status("door")["phase"], "shadow");
    assert_eq!(send(form(path, &body(&token))), 303);
    assert_eq!(world.status("door")["phase"], "rolled_back");
    // Sent twice it is done once.
    assert_eq!(send(form(path, &body(&token))), 303);
}

#[test]
fn what_somebody_wrote_is_kept_where_their_session_has_ended() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let token = form_token(&world, &cookie);
    let path = "/experiments/door/act";
    let body = |token: &str| {
        format!("form_token={token}&action=hold&revision=2&reason=We+look+first&actor=ann")
    };
    let text = |answer: Answer| (answer.status, String::from_utf8(answer.body).unwrap());
    // Without a session nothing is done, and whoever signs in is led back.
    let (status, page) = text(form(path, &body(&token)).send(world.daemon.address()));
    assert_eq!(status, 401);
    assert!(page.contains("Nothing was done") && page.contains("id=\"token\""), "{page}");
    let to = "/experiments/door/act?action=hold&#38;reason=We%20look%20first&#38;actor=ann";
    assert!(page.contains(&format!("name=\"to\" value=\"{to}\"")), "{page}");
    let (status, page) = text(get(&world, &to.replace("&#38;", "&"), &cookie));
    assert_eq!(status, 200);
    assert!(page.contains("value=\"We look first\""), "{page}");
    // The form of another session stays with what was written, and is our own from then on.
    let wrong = form(path, &body(&"0".repeat(64))).header("cookie", &cookie);
    let (status, page) = text(wrong.send(world.daemon.address()));
    assert_eq!(status, 403);
    assert!(page.contains("value=\"We look first\"") && page.contains(&token), "{page}");
    assert_eq!(world.status("door")["condition"], "clear");
}

#[test]
fn an_action_that_somebody_else_took_is_not_told_as_ones_own() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let token = form_token(&world, &cookie);
    let send = |action: &str, revision: &str, actor: &str| {
        let body = format!(
            "form_token={token}&action={action}&revision={revision}&reason=Guards+call&actor={actor}"
        );
        let form = form("/experiments/door/act", &body).header("cookie", &cookie);
        let answer = form.send(world.daemon.address());
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    assert_eq!(send("pause", "2", "ann").0, 303);
    let (status, page) = send("pause", "2", "bob");
    assert_eq!(status, 409);
    assert!(page.contains("it was done by ann") && page.contains("Guards call"), "{page}");
    assert_eq!(send("resume", "3", "ann").0, 303);
    // It is not so any more, whoever asks.
    for actor in ["bob", "ann"] {
        let (status, page) = send("pause", "2", actor);
        assert_eq!(status, 409);
        assert!(page.contains("revision") && page.contains("value=\"Guards call\""), "{page}");
    }
    assert_eq!(world.status("door")["condition"], "clear");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it may take up to two seconds")]
fn a_session_ends_when_somebody_signs_out_or_the_token_is_revoked() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let out = format!("form_token={}", form_token(&world, &cookie));
    let answer = form("/session/end", &out).header("cookie", &cookie).send(world.daemon.address());
    assert_eq!(answer.status, 303);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(get(&world, "/", &cookie).status, 303);

    let cookie = session(&world, &world.read);
    assert_eq!(get(&world, "/", &cookie).status, 200);
    let file = world.tokens.to_str().unwrap();
    let ran = run(&["token", "revoke", "bob", "--tokens", file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // The command says that it takes up to two seconds.
    let since = std::time::Instant::now();
    while get(&world, "/", &cookie).status != 303 {
        assert!(since.elapsed() < std::time::Duration::from_secs(10), "the session goes on");
    }
}

#[test]
fn what_a_page_follows_ends_with_its_session() {
    let world = World::new();
    let cookie = session(&world, &world.admin);
    let events = ureq::get(world.address("/v1/events")).header("cookie", &cookie);
    let mut stream = events.call().unwrap().into_body().into_reader();
    // It has begun: its place is told.
    stream.read_exact(&mut [0; 2]).unwrap();
    let rest = thread::spawn(move || {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).map(|_| rest)
    });
    assert_eq!(world.daemon.act("door", "hold").status, 200);
    let out = format!("form_token={}", form_token(&world, &cookie));
    let answer = form("/session/end", &out).header("cookie", &cookie).send(world.daemon.address());
    assert_eq!(answer.status, 303);
    assert_eq!(world.daemon.act("door", "pause").status, 200);
    // Without an end it would go on for ever.
    let told = rest.join().unwrap().unwrap();
    assert!(told.contains("shadow (held)") && !told.contains("shadow (paused)"), "{told}");
}

#[test]
fn after_five_tokens_that_are_not_known_even_a_known_one_waits() {
    let world = World::new();
    let sign_in = |token: &str| {
        form("/session", &format!("name=Ann&token={token}&to=/")).send(world.daemon.address())
    };
    for _ in 0..5 {
        let answer = sign_in("tg_0000");
        assert_eq!(answer.status, 401);
        assert!(answer.header("set-cookie").is_none());
    }
    let answer = sign_in(&world.admin);
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 600);
    // Whoever has a token is not kept from the interface.
    assert_eq!(world.daemon.get("/v1/experiments").status, 200);
    let log = world.daemon.kill().join("\n");
    assert!(log.contains("a token that is not known was tried at the page"), "{log}");
    assert!(!log.contains("tg_0000"), "what was tried is nobody's business");
}

#[test]
fn on_loopback_without_tokens_nobody_signs_in_and_a_form_is_still_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tidegate-under-test");
    let start = Start::new(program, &folder.path().join("data"));
    let daemon = start.with(&["--disk-reserve-mb", "1048576"]).ready();
    for key in ["b_draft", "a_draft", "running", "paused", "ended", "z_harmed"] {
        let toml = format!("key = \"{key}\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n");
        assert_eq!(daemon.define(key, &toml).status, 201);
    }
    for (key, actions) in [
        ("running", &["start"][..]),
        ("paused", &["start", "pause"]),
        ("ended", &["stop"]),
        ("z_harmed", &["start", "roll_back"]),
    ] {
        for action in actions {
            assert_eq!(daemon.act(key, action).status, 200);
        }
    }
    let text = |path: &str| {
        let answer = Request::new("GET", path).send(daemon.address());
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let (status, overview) = text("/");
    assert_eq!(status, 200);
    // Too little disk turns the line red; a terabyte is more than most machines have.
    let metrics = text("/metrics").1;
    let free = metrics.lines().find_map(|line| line.strip_prefix("tidegate_disk_free_bytes "));
    let is_short = free.unwrap().parse::<f64>().unwrap() < 1_048_576.0 * 1_048_576.0;
    assert_eq!(overview.contains("MB of disk are free"), is_short);
    assert_eq!(overview.contains("class=\"health well\""), !is_short);
    // What was rolled back of late comes first, then what waits for a person; what has ended comes last.
    let cards: Vec<&str> = overview.split("<h2><a href=\"/experiments/").skip(1).collect();
    let keys: Vec<&str> = cards.iter().map(|card| card.split('"').next().unwrap()).collect();
    assert_eq!(keys, ["z_harmed", "paused", "running", "a_draft", "b_draft", "ended"]);
    let beyond = text("/?after=200").1;
    assert!(beyond.contains("so far down") && beyond.contains("6 in all"), "{beyond}");
    // What is rolled back from every page is so from one that says what is wrong.
    assert!(text("/experiments/none").1.contains("/experiments/running/act?action=roll_back"));
    assert_eq!(text("/sign-in").0, 303);
    let act = "/experiments/running/act";
    let (_, page) = text(&format!("{act}?action=roll_back"));
    let value = |name: &str| {
        let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        field.split('"').next().unwrap().to_owned()
    };
    let body = |token: &str| {
        let revision = value("revision");
        format!("form_token={token}&action=roll_back&revision={revision}&reason=enough&actor=ann")
    };
    let send = |body: &str| form(act, body).send(daemon.address()).status;
    assert_eq!(send(&body(&"0".repeat(64))), 403);
    assert_eq!(send(&format!("{}&more=1", body(&value("form_token")))), 422);
    assert_eq!(send(&body(&value("form_token"))), 303);
    let status = daemon.get("/v1/experiments/running/status").body;
    assert_eq!(status["phase"], "rolled_back");
}
