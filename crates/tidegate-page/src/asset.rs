//! What pages are shown with: a stylesheet, a module and an icon, each named by its content.

/// A file that never changes under its name.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Where it is, its hash included.
    pub path: &'static str,
    /// What it is.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

macro_rules! asset {
    ($file:literal, $content_type:literal) => {
        Asset {
            path: include_str!(concat!(env!("OUT_DIR"), "/", $file, ".path")),
            content_type: $content_type,
            bytes: include_bytes!(concat!("../assets/", $file)),
        }
    };
}

/// How every page looks.
pub const STYLE: Asset = asset!("page.css", "text/css; charset=utf-8");
/// What follows the daemon's events and replaces what changed.
pub const MODULE: Asset = asset!("page.js", "text/javascript; charset=utf-8");
/// What a browser shows beside the title.
pub const ICON: Asset = asset!("icon.svg", "image/svg+xml");

/// Every asset.
pub const ALL: [Asset; 3] = [STYLE, MODULE, ICON];
