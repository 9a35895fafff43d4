//! `tidegate token` and its file.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::command::{Ran, run};

fn token(arguments: &[&str], file: &Path) -> Ran {
    let mut all = vec!["token"];
    all.extend(arguments);
    all.extend(["--tokens", file.to_str().unwrap()]);
    run(&all)
}

#[test]
fn a_token_is_printed_once_and_its_digest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let ran = token(&["create", "--name", "north", "--scopes", "record,read,read"], &file);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let secret = ran.out.strip_suffix('\n').unwrap();
    assert!(secret.len() == 67 && secret.starts_with("tg_"), "{secret}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(secret) && !text.contains(&secret[3..]));
    let kept: toml::Table = toml::from_str(&text).unwrap();
    let entry = kept["token"][0].as_table().unwrap();
    assert_eq!(entry["name"].as_str(), Some("north"));
    assert_eq!(entry["scopes"], toml::Value::from(vec!["read", "record"]));
    let digest = Sha256::digest(secret.as_bytes());
    let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(entry["sha256"].as_str(), Some(&*digits.concat()));
    assert_eq!(entry.len(), 3);
}

#[test]
fn tokens_are_listed_and_revoked_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let first = token(&["create", "--name", "north", "--scopes", "record"], &file);
    let second = token(&["create", "--name", "ann", "--scopes", "admin"], &file);
    assert_ne!(first.out, second.out);
    let listed = token(&["list"], &file).out;
    let words: Vec<Vec<&str>> = listed.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(words, [["north", "record"], ["ann", "admin"]]);
    let json = token(&["list", "--format", "json"], &file).out;
    assert_eq!(json.lines().next(), Some(r#"{"name":"north","scopes":["record"]}"#));

    let again = token(&["create", "--name", "ann", "--scopes", "read"], &file);
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert!(again.err.contains("`ann` already"), "{}", again.err);
    let before = std::fs::read_to_string(&file).unwrap();
    let unknown = token(&["revoke", "south"], &file);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("north | ann"), "{}", unknown.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    assert_eq!(token(&["revoke", "north"], &file).code, 0);
    assert_eq!(token(&["list"], &file).out.split_whitespace().next(), Some("ann"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let mode = || file.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(token(&["create", "--name", "a", "--scopes", "read"], &file).code, 0);
    assert_eq!(mode(), 0o600);
    for open in [0o640, 0o604, 0o644] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(open)).unwrap();
        let before = std::fs::read(&file).unwrap();
        for arguments in
            [&["create", "--name", "b", "--scopes", "read"][..], &["list"], &["revoke", "a"]]
        {
            let ran = token(arguments, &file);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""));
            assert!(ran.err.contains("chmod 600"), "{}", ran.err);
        }
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
    // A link stays a link to the file that is kept.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(token(&["create", "--name", "b", "--scopes", "read"], &link).code, 0);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(token(&["list"], &file).out.lines().count(), 2);
    assert_eq!(mode(), 0o600);
}

#[test]
fn what_is_no_file_of_tokens_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    assert_eq!(token(&["list"], &file).code, 2);
    assert_eq!(token(&["create", "--name", "a", "--scopes", "write"], &file).code, 2);
    assert!(!file.exists());
    std::fs::write(&file, "[[token]]\nname = \"a\"\nsecret = \"b\"\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let ran = token(&["create", "--name", "b", "--scopes", "read"], &file);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("`secret` is not a known field"), "{}", ran.err);
}

#[test]
fn a_token_that_could_not_be_shown_is_none_and_the_last_one_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    assert_eq!(token(&["create", "--name", "ann", "--scopes", "admin"], &file).code, 0);
    let before = std::fs::read_to_string(&file).unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = crate::command::tidegate();
    command.args(["token", "create", "--name", "bob", "--scopes", "read", "--tokens"]).arg(&file);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    let revoked = token(&["revoke", "ann"], &file);
    assert!(revoked.out.contains("no token is left"), "{}", revoked.out);
}
