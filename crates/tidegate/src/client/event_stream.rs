//! Reads server-sent events.

use std::io::{self, BufRead, Read as _};

/// Longest line that is read, in bytes; events are far shorter.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads events to their end, tells the data of each, and keeps the id of the last.
pub(crate) fn read<E: From<io::Error>>(
    mut stream: impl BufRead,
    last: &mut Option<String>,
    mut tell: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let (mut line, mut data) = (Vec::new(), String::new());
    loop {
        line.clear();
        let read = stream.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            if !data.is_empty() {
                tell(&data)?;
                data.clear();
            }
        } else if let Some(id) = text.strip_prefix("id:") {
            *last = Some(id.trim().to_owned()).filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
        } else if let Some(more) = text.strip_prefix("data:") {
            // The daemon writes an event on one line.
            more.trim_start().clone_into(&mut data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_and_their_ids_kept_with_or_without_data() {
        let (mut last, mut told) = (None, Vec::new());
        let text =
            "id: 4\nretry: 2000\n\n: \n\nid: 5\nevent: alarm\ndata: {}\n\nid: 9\r\n\r\ndata: cut";
        let mut tell = |data: &str| -> io::Result<()> {
            told.push(data.to_owned());
            Ok(())
        };
        read(text.as_bytes(), &mut last, &mut tell).unwrap();
        assert_eq!(last.as_deref(), Some("9"));
        read("id: a\u{1b}[2J\n\n".as_bytes(), &mut last, &mut tell).unwrap();
        assert_eq!((told, last), (vec!["{}".to_owned()], None));
    }
}
