//! Where the daemon is.

use std::fmt::{self, Write};
use std::str::FromStr;

use tidegate_spec::host;
use ureq::http::Uri;

/// The address of a daemon on this machine, unless told otherwise.
const DEFAULT: &str = "http://127.0.0.1:4780";

/// The address of a daemon: scheme, host and port, and a path where a proxy gives it one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    base: String,
    way: Way,
}

/// What a request passes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It does not leave this machine.
    Loopback,
    /// It is encrypted.
    Tls,
    /// Anybody on the way can read it.
    Open,
}

impl Server {
    /// What a request passes on its way there.
    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// The URL of a resource; each segment is escaped, so that an id with a `/` stays one.
    pub(crate) fn url(&self, segments: &[&str]) -> String {
        let mut url = self.base.clone();
        for segment in segments {
            url.push('/');
            url.push_str(&escaped(segment));
        }
        url
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { base: DEFAULT.to_owned(), way: Way::Loopback }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not shown where it may hold a password.
        let allowed = "allowed: a URL such as http://127.0.0.1:4780 or https://tidegate.example";
        let uri: Uri = text.parse().map_err(|_| format!("is no URL, {allowed}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("has no scheme or no host, {allowed}"));
        };
        if authority.as_str().contains('@') {
            return Err(format!("holds a user or password, {allowed}; a token has its own file"));
        }
        if authority.host().is_empty() {
            return Err(format!("has no host, {allowed}"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("has a query or a fragment, {allowed}"));
        }
        let way = match scheme {
            "https" => Way::Tls,
            "http" if host::is_loopback(authority.host()) => Way::Loopback,
            "http" => Way::Open,
            _ => return Err(format!("is neither http nor https, {allowed}")),
        };
        let path = uri.path().trim_end_matches('/');
        Ok(Self { base: format!("{scheme}://{authority}{path}"), way })
    }
}

/// A text as one segment, or as the value of a query.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-' => {
                escaped.push(char::from(byte));
            }
            _ => {
                // Writing into a text does not fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_can_read_on_the_way() {
        let way = |text: &str| text.parse::<Server>().unwrap().way();
        for text in ["http://127.0.0.1:4780", "http://localhost", "http://[::1]:1", DEFAULT] {
            assert_eq!(way(text), Way::Loopback, "{text}");
        }
        assert_eq!(way("https://10.0.0.1"), Way::Tls);
        for text in ["http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"] {
            assert_eq!(way(text), Way::Open, "{text}");
        }
        assert_eq!(Server::default(), DEFAULT.parse().unwrap());
    }

    #[test]
    fn an_id_with_a_slash_stays_one_segment() {
        let server: Server = "https://edge.example/tidegate/".parse().unwrap();
        assert_eq!(
            server.url(&["v1", "experiments", "a/b:c"]),
            "https://edge.example/tidegate/v1/experiments/a%2Fb:c"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_not_repeated() {
        for text in ["", "127.0.0.1:4780", "ftp://host", "http://", "http://h/?a=b", "http://h/#a"]
        {
            assert!(text.parse::<Server>().unwrap_err().contains("allowed"), "{text}");
        }
        let refused = "http://ann:hunter2@host".parse::<Server>().unwrap_err();
        assert!(refused.contains("password") && !refused.contains("hunter2"), "{refused}");
    }
}
