//! Strangers get nothing, those who belong get what is theirs, and secrets stay where they are.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use system_tests::raw::{Answer, Connection, Request};
use tempfile::TempDir;

use super::{World, is_here};
use crate::command::{Ran, run, tidegate};

/// Makes a token and gives it.
fn token(file: &Path, name: &str, scopes: &str) -> String {
    let file = file.to_str().unwrap();
    let ran = run(&["token", "create", "--name", name, "--scopes", scopes, "--tokens", file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.trim().to_owned()
}

/// What a daemon that does not start says.
fn serve(folder: &TempDir, arguments: &[&str]) -> Ran {
    let data = folder.path().join("data");
    let mut all = vec!["serve", "--data", data.to_str().unwrap()];
    all.extend(arguments);
    let ran = run(&all);
    assert_ne!(ran.code, 0, "{}", ran.err);
    assert!(!data.exists(), "it begins no journal");
    ran
}

fn bearer(request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"))
}

/// A request of each scope, and the status it has once it is let in.
fn of_each_scope() -> Vec<(&'static str, Request, u16)> {
    let post = |path: &str| Request::new("POST", path).body("application/json", "{}");
    let put = |path: &str| Request::new("PUT", path).body("application/json", "{}");
    let get = |path: &str| Request::new("GET", path);
    vec![
        ("read", get("/v1/experiments"), 200),
        ("read", Request::new("HEAD", "/v1/experiments"), 200),
        ("read", get("/metrics"), 200),
        ("read", get("/v1/experiments/door/status"), 404),
        ("read", get("/v1/experiments/door/history"), 404),
        ("read", get("/v1/experiments/door/assignments/c1"), 200),
        ("read", post("/v1/experiments/door/assignments"), 422),
        ("read", post("/v1/experiments/door/check"), 404),
        ("read", post("/ofrep/v1/evaluate/flags"), 400),
        ("read", post("/ofrep/v1/evaluate/flags/door"), 400),
        ("read", get("/v1/nothing"), 404),
        ("record", post("/v1/observations"), 400),
        ("record", get("/v1/observations"), 405),
        ("admin", put("/v1/experiments/door"), 422),
        ("admin", post("/v1/experiments/door/actions"), 422),
        ("admin", put("/v1/experiments/door/overrides/c1"), 422),
        ("admin", Request::new("DELETE", "/v1/experiments/door/overrides/c1"), 404),
        ("admin", post("/v1/time"), 422),
        ("admin", Request::new("OPTIONS", "/v1/experiments"), 405),
    ]
}

#[test]
fn a_token_opens_what_its_scopes_say_and_is_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let scopes = ["read", "record", "admin", "read,record"];
    let tokens: Vec<String> =
        scopes.iter().map(|scopes| token(&file, &scopes.replace(',', "-"), scopes)).collect();
    let world = World::new(&["--tokens", file.to_str().unwrap()]);
    let mut told = String::new();
    let mut ask = |request: &Request| {
        let answer = request.send(world.address());
        write!(told, "{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body)).unwrap();
        answer
    };
    for (needed, request, status) in of_each_scope() {
        for (scopes, token) in scopes.iter().zip(&tokens) {
            let answer = ask(&bearer(request.clone(), token));
            if *scopes == "admin" || scopes.split(',').any(|scope| scope == needed) {
                assert_eq!(answer.status, status, "{scopes} {request:?}");
            } else {
                assert_eq!(answer.status, 403, "{scopes} {request:?}");
            }
        }
        for stranger in [
            request.clone(),
            bearer(request.clone(), ""),
            bearer(request.clone(), "tg_0000"),
            bearer(request.clone(), &tokens[2].to_uppercase()),
            bearer(request.clone(), &tokens[2][..60]),
            bearer(request.clone(), &format!("{}0", tokens[2])),
            request.clone().header("authorization", &tokens[2]),
            request.clone().header("authorization", &format!("Basic {}", tokens[2])),
            request.clone().header("x-token", &tokens[2]),
        ] {
            let answer = ask(&stranger);
            assert_eq!(answer.status, 401, "{stranger:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let answer = ask(&bearer(Request::new("GET", "/v1/experiments"), "none"));
    assert_eq!(answer.problem(), (401, "unauthorized".to_owned()));
    let answer = ask(&bearer(Request::new("GET", "/v1/experiments"), &tokens[1]));
    assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("`read`"));
    // A token is a header and nothing else.
    let query = Request::new("GET", &format!("/v1/experiments?access_token={}", tokens[2]));
    assert_eq!(ask(&query).status, 401);
    // The scheme is named in any letters.
    let lower =
        Request::new("GET", "/metrics").header("authorization", &format!("bearer {}", tokens[0]));
    assert_eq!(ask(&lower).status, 200);
    for open in ["/healthz", "/readyz"] {
        assert_eq!(ask(&Request::new("GET", open)).status, 200);
    }
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", world.daemon.id())).unwrap();
    let log = world.daemon.kill().join("\n");
    assert!(log.contains("\"answered\"") && log.lines().count() > 100, "the log has every request");
    for token in &tokens {
        // Neither whole nor the better part of it, nor with a digit more, nor in capitals.
        for secret in [token[3..43].to_owned(), token[3..43].to_uppercase()] {
            assert!(
                !log.contains(&secret) && !told.contains(&secret) && !command.contains(&secret)
            );
        }
    }
}

#[test]
fn a_daemon_that_strangers_could_reach_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.toml");
    token(&tokens, "ann", "admin");
    let tokens = tokens.to_str().unwrap();
    let tls = ["--tls-certificate", "c.pem", "--tls-key", "k.pem"];
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0"] {
        let bare = vec!["--listen", listen];
        let with_tokens = [&bare[..], &["--tokens", tokens]].concat();
        let with_tls = [&bare[..], &tls].concat();
        for arguments in [bare, with_tokens, with_tls] {
            let ran = serve(&folder, &arguments);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
            assert!(
                ran.err.contains(
                    "can be reached from other machines, allowed: loopback, or with tokens and TLS"
                ),
                "{}",
                ran.err
            );
        }
    }
    for half in [&tls[..2], &tls[2..]] {
        let ran = serve(&folder, half);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("allowed: both or neither"), "{}", ran.err);
    }
    let missing = serve(&folder, &[&["--listen", "127.0.0.1:0"][..], &tls].concat());
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("cannot read c.pem"), "{}", missing.err);
}

#[test]
fn a_file_of_tokens_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let secret = token(&file, "ann", "admin");
    let path = file.to_str().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--tokens", path];
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let ran = serve(&folder, &arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(&format!("mode {mode:o}")), "{}", ran.err);
        assert!(ran.err.contains("allowed: 600") && !ran.err.contains(&secret), "{}", ran.err);
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (text, why) in [("", "token has 0 entries"), ("[[token]]\nname = \"a\"\n", "sha256")] {
        std::fs::write(&file, text).unwrap();
        let ran = serve(&folder, &arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(serve(&folder, &arguments).code, 2);
}

/// Makes an authority and a certificate of it for loopback.
fn certificate(folder: &Path) {
    let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let of = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority"];
    openssl(&[&["req", "-x509"][..], &key, &of].concat());
    let of = ["-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost"];
    openssl(&[&["req", "-new"][..], &key, &of].concat());
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let into = ["-set_serial", "7", "-days", "2", "-extfile", "extensions", "-out", "cert.pem"];
    openssl(&[&sign[..], &into].concat());
}

#[test]
fn tls_is_trusted_by_its_authority_and_harmed_by_no_plain_request() {
    if !is_here("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let secret = token(&folder.path().join("tokens.toml"), "ann", "admin");
    let (certificate, key, tokens) = (path("cert.pem"), path("key.pem"), path("tokens.toml"));
    let arguments = ["--tls-certificate", &certificate, "--tls-key", &key, "--tokens", &tokens];
    let daemon = World::start(&folder).with(&arguments).ready();
    assert!(daemon.address().starts_with("https://127.0.0.1:"), "{}", daemon.address());
    let list = |server: &str, ca: Option<&str>| -> Ran {
        let mut command = tidegate();
        command.args(["experiment", "list", "--server", server]).env("TIDEGATE_TOKEN", &secret);
        command.args(ca.iter().flat_map(|ca| ["--ca", *ca])).output().unwrap().into()
    };
    let ca = path("ca.pem");
    let is_well = || {
        let ran = list(daemon.address(), Some(&ca));
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    is_well();
    let named = daemon.address().replace("127.0.0.1", "localhost");
    assert_eq!(list(&named, Some(&ca)).code, 0);
    // Without the authority it is a stranger, and so is it with another.
    let untrusted = list(daemon.address(), None);
    assert_eq!(untrusted.code, 4, "{}", untrusted.err);
    let other = tempfile::tempdir().unwrap();
    self::certificate(other.path());
    let other = other.path().join("ca.pem");
    let untrusted = list(daemon.address(), Some(other.to_str().unwrap()));
    assert_eq!(untrusted.code, 4, "{}", untrusted.err);
    assert!(!untrusted.err.contains(&secret));
    // Plain requests, garbage, and silence.
    let mut silent = Connection::open(daemon.address());
    for bytes in [
        &b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff",
        &[0; 9_000],
    ] {
        let mut plain = Connection::open(daemon.address());
        plain.write(bytes);
        plain.end();
        let rest = plain.rest().unwrap();
        assert!(!rest.starts_with(b"HTTP"), "no plain answer on a TLS port");
    }
    assert_eq!(silent.rest().unwrap(), b"", "it is closed after the time for a head");
    is_well();
    let plain = list(&daemon.address().replace("https:", "http:"), None);
    assert_eq!(plain.code, 4, "{}", plain.err);
    is_well();
}

fn no_cors(answer: &Answer) -> u16 {
    let cors = answer.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
    assert!(!cors, "{answer:?}");
    answer.status
}

fn only_its_own_names_and_pages_reach(world: &World, path: &str) {
    let port = world.address().rsplit_once(':').unwrap().1.to_owned();
    let get = || Request::new("GET", path);
    let at = |host: Option<&str>| no_cors(&get().host(host).send(world.address()));
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "gate.internal", "Other.Internal"]
    {
        assert_eq!(at(Some(host)), 200, "{host}");
        assert_eq!(at(Some(&format!("{host}:{port}"))), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:4780",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1.evil.example",
        "localhost:80:90",
        "localhost@evil.example",
        "0.0.0.0",
        "",
    ] {
        assert_eq!(at(Some(host)), 421, "{host}");
    }
    assert_eq!(at(None), 421);
    let refused = get().host(Some("evil.example")).send(world.address());
    assert_eq!(refused.problem(), (421, "unknown_host".to_owned()));
    // Of two, neither counts; in a whole address, that one does.
    assert_eq!(no_cors(&get().header("host", "evil.example").send(world.address())), 421);
    assert_eq!(
        no_cors(
            &get().host(Some("evil.example")).header("host", "localhost").send(world.address())
        ),
        421
    );
    let whole = |host: &str| Request::new("GET", &format!("http://{host}{path}"));
    assert_eq!(no_cors(&whole("evil.example").send(world.address())), 421);
    assert_eq!(no_cors(&whole("localhost").send(world.address())), 200);

    let own = format!("localhost:{port}");
    let from = |origin: &str| {
        let request = get().host(Some(&own)).header("origin", origin);
        no_cors(&request.send(world.address()))
    };
    assert_eq!(from(&format!("http://{own}")), 200);
    assert_eq!(from(&format!("https://{own}")), 200);
    for origin in [
        "https://evil.example",
        "null",
        "",
        "http://localhost",
        "http://localhost.evil.example",
        &format!("http://{own}.evil.example"),
        &format!("http://evil@{own}"),
        &format!("ftp://{own}"),
        "\u{fc}",
    ] {
        assert_eq!(from(origin), 403, "{origin}");
    }
}

#[test]
fn only_its_own_names_and_pages_reach_the_daemon() {
    let world = World::new(&["--allowed-hosts", "gate.internal,other.internal"]);
    // The second is answered before the router.
    for path in ["/v1/experiments", "/v1/experiments/door/assignments/c1"] {
        only_its_own_names_and_pages_reach(&world, path);
    }
    // A browser that asks beforehand is given nothing.
    for method in ["POST", "PUT", "DELETE"] {
        let preflight = Request::new("OPTIONS", "/v1/observations")
            .header("origin", "https://evil.example")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type");
        assert_eq!(no_cors(&preflight.send(world.address())), 403);
    }
}

#[test]
fn a_header_that_counts_once_is_refused_where_it_is_there_twice() {
    let world = World::new(&[]);
    let own = world.address().replace("http://", "");
    let list = || Request::new("GET", "/v1/experiments").host(Some(&own));
    let origin = world.address();
    let report = || Request::new("POST", "/v1/observations").body("application/json", "[]");
    let assign = || Request::new("GET", "/v1/experiments/door/assignments/c1").host(Some(&own));
    for request in [
        list().header("origin", origin).header("origin", "https://evil.example"),
        list().header("Origin", origin).header("oriGin", origin),
        assign().header("origin", origin).header("origin", "https://evil.example"),
        list().header("authorization", "Bearer a").header("authorization", "Bearer b"),
        list().header("x-api-key", "a").header("x-api-key", "b"),
        report().header("content-type", "text/plain"),
        report().header("content-type", "application/x-ndjson"),
        Request::new("GET", "/v1/events").header("last-event-id", "1").header("last-event-id", "1"),
        Request::new("GET", "/ofrep/v1/events")
            .header("last-event-id", "a")
            .header("last-event-id", "b"),
    ] {
        let answer = request.send(world.address());
        assert_eq!(answer.problem(), (400, "invalid_header".to_owned()), "{request:?}");
    }
    // Others may come as often as they like.
    assert_eq!(list().header("accept", "a/b").header("accept", "c/d").send(origin).status, 200);
}

#[test]
fn a_body_in_a_coding_that_is_not_known_is_refused() {
    let world = World::new(&[]);
    world.running("door");
    let whole = serde_json::json!([super::analysis("door", "e1", "c1")]).to_string();
    let send = |codings: &[&str]| {
        let codings: String =
            codings.iter().flat_map(|coding| ["transfer-encoding: ", coding, "\r\n"]).collect();
        let mut connection = Connection::open(world.address());
        connection.write(
            format!(
                "POST /v1/observations HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: application/json\r\n{codings}\r\n{:x}\r\n{whole}\r\n0\r\n\r\n",
                whole.len()
            )
            .as_bytes(),
        );
        connection.read(system_tests::raw::ExpectBody::Yes).unwrap().unwrap()
    };
    for codings in
        [&["gzip, chunked"][..], &["gzip,chunked"], &["gzip", "chunked"], &["x, chunked"]]
    {
        let answer = send(codings);
        assert_eq!(
            answer.problem(),
            (501, "unsupported_transfer_coding".to_owned()),
            "{codings:?}"
        );
    }
    assert_eq!(world.daemon.get("/v1/experiments/door/status").body["observations"], 0);
    assert_eq!(send(&["Chunked"]).status, 200);
}

#[test]
fn a_log_line_is_one_json_object_whatever_is_sent() {
    let world = World::new(&[]);
    world.running("door");
    let forged = "%0A{%22message%22:%22forged%22}%1B[2J%00%E2%80%AE";
    for path in [
        format!("/v1/experiments/{forged}"),
        format!("/{forged}"),
        format!("/v1/experiments/door/assignments/{forged}"),
        "/v1/\"quoted\"\\".to_owned(),
    ] {
        let answer = Request::new("GET", &path).send(world.address());
        assert!([400, 404].contains(&answer.status), "{path}");
    }
    for (name, value) in [
        ("x-request-id", "a\tb"),
        ("x-request-id", "\u{fc}\u{202e}"),
        ("host", "a\t\"b"),
        ("origin", "\"\\\t"),
        ("content-type", "\t{\"message\":\"forged\"}"),
    ] {
        let request = Request::new("POST", "/v1/observations").host(None);
        let request = if name == "host" { request } else { request.host(Some("localhost")) };
        assert!(request.header(name, value).send(world.address()).status >= 400);
    }
    let action = |reason: &str, actor: &str| {
        Request::new("POST", "/v1/experiments/door/actions")
            .json(&serde_json::json!({"action": "hold", "reason": reason, "actor": actor}))
            .send(world.address())
            .status
    };
    assert_eq!(action("a\n{\"message\":\"forged\"}", "ann"), 422);
    assert_eq!(action("reason", "a\u{1b}[2J"), 422);
    // Quotes and what turns the direction of writing are text like any other.
    assert_eq!(action("\"}{\\ \u{202e}", "\"ann\"}"), 200);
    for bytes in [&b"GET /\x1b[2J HTTP/1.1\r\n\r\n"[..], b"\n{\"message\":\"forged\"}\n\n"] {
        let mut connection = Connection::open(world.address());
        connection.write(bytes);
        connection.end();
        connection.rest().unwrap();
    }
    let log = world.daemon.kill();
    assert!(log.len() >= 12);
    for line in log {
        let read: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(read.is_object() && read["message"] != "forged", "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
