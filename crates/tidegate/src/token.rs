//! `tidegate token`: the tokens that a daemon knows.

mod register;
mod scope;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::digest::sha256_hex;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use register::{Register, RegisteredToken};
use scope::Scope;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Longest name of a token, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Make, list and revoke the tokens that a daemon knows
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, this once; the file keeps only its SHA-256
    Create {
        /// Whose it is, such as a site or a service
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// What it may do, separated by commas; admin includes the others
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
        #[command(flatten)]
        file: FileArgs,
    },
    /// List the tokens by name, with what they may do
    List {
        #[command(flatten)]
        file: FileArgs,
        /// How to answer
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Take a token out; a running daemon knows it no more within 2 seconds
    Revoke {
        /// Whose it is
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        file: FileArgs,
    },
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The file of tokens, for its owner's eyes alone
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
}

/// What a list shows of a token.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    scopes: &'a [Scope],
}

pub(crate) fn run(args: &TokenArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        TokenCommand::Create { name, scopes, file } => {
            let mut register = Register::read(&file.tokens)?;
            let token = new_token()?;
            let mut scopes = scopes.clone();
            scopes.sort_unstable();
            scopes.dedup();
            let sha256 = sha256_hex(token.as_bytes());
            register.add(RegisteredToken { name: name.clone(), scopes, sha256 })?;
            // What is printed is known to the daemon's file already.
            register.write()?;
            if let Err(error) = writeln!(out, "{token}").and_then(|()| out.flush()) {
                // Nobody knows it, so it opens nothing.
                register.remove(name)?;
                register.write()?;
                let text = format!("the token cannot be shown, so there is none: {error}");
                return Err(Failure::BadInput(text));
            }
        }
        TokenCommand::List { file, format } => {
            for entry in Register::read_present(&file.tokens)?.entries() {
                let RegisteredToken { name, scopes, .. } = entry;
                match format {
                    Format::Json => {
                        json_line(&Listed { name, scopes }, out)?;
                    }
                    Format::Text => {
                        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
                        writeln!(out, "{name:<24} {}", scopes.join(","))?;
                    }
                }
            }
        }
        TokenCommand::Revoke { name, file } => {
            let mut register = Register::read_present(&file.tokens)?;
            register.remove(name)?;
            register.write()?;
            writeln!(
                out,
                "{name} is revoked; a daemon that reads this file knows it no more within 2 seconds"
            )?;
            if register.entries().is_empty() {
                let text = "no token is left: a daemon that is started with this file refuses it, until `token create` adds one";
                writeln!(out, "{text}")?;
            }
        }
    }
    Ok(())
}

fn new_token() -> Result<String, Failure> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Random(io::Error::other(error)))?;
    Ok(format!("tg_{}", base16ct::lower::encode_string(&bytes)))
}

fn parse_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("is no name, allowed: 1 to {NAME_BYTES_MAX} of A-Z a-z 0-9 . _ -"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_32_random_bytes() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        for token in [&one, &other] {
            let digits = token.strip_prefix("tg_").unwrap();
            assert_eq!(digits.len(), 64);
            assert!(digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        }
        assert_ne!(one, other);
    }

    #[test]
    fn a_name_is_fit_for_a_log() {
        for name in ["", "two words", "a/b", "ü", &"x".repeat(65)] {
            assert!(parse_name(name).is_err(), "{name}");
        }
        assert_eq!(parse_name("site-7.north_gate").unwrap(), "site-7.north_gate");
    }
}
