//! Names each asset by its content, so that a browser may keep it for ever.

use std::path::Path;
use std::{env, fs, io};

const FILES: [&str; 3] = ["page.css", "page.js", "icon.svg"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=assets");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    for file in FILES {
        let bytes = fs::read(Path::new("assets").join(file))?;
        let (name, ending) = file.split_once('.').unwrap_or((file, ""));
        let path = format!("/assets/{name}-{:016x}.{ending}", fnv1a(&bytes));
        fs::write(Path::new(&out).join(format!("{file}.path")), path)?;
    }
    Ok(())
}

/// FNV-1a with 64 bits: enough to tell one of our own files from the next.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}
