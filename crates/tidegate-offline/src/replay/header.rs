//! The header of a table: where the wanted columns stand, and what it is if they are not there.

/// Delimiters there are, each with what a map calls it.
const DELIMITERS: [(u8, &str); 4] = [(b',', ","), (b';', ";"), (b'\t', "\\t"), (b'|', "|")];

/// What the first line of a table is.
pub(super) enum First {
    Names,
    /// `sep=;`, from which Excel reads the delimiter, or `#TYPE …`, which PowerShell's Export-Csv writes.
    Separator,
}

/// Tells a header from a line that a program writes before it.
pub(super) fn separator(names: &[String], delimiter: u8) -> Result<First, String> {
    let line = joined(names, delimiter);
    if line.starts_with("#TYPE ") {
        return Ok(First::Separator);
    }
    let stated = line.strip_prefix("sep=").and_then(|rest| rest.bytes().next());
    match stated.and_then(|stated| DELIMITERS.iter().find(|(known, _)| *known == stated)) {
        None => Ok(First::Names),
        Some((stated, _)) if *stated == delimiter => Ok(First::Separator),
        Some((_, called)) => Err(format!(
            "the first line says that the delimiter is \"{called}\", allowed: delimiter = \"{called}\" in the map"
        )),
    }
}

/// Where each wanted column stands among the names.
pub(super) fn places(
    names: &[String],
    delimiter: u8,
    columns: &[String],
) -> Result<Vec<usize>, String> {
    let mut places = Vec::new();
    for column in columns {
        let is_column = |name: &String| name.trim() == column.trim();
        if names.iter().filter(|name| is_column(name)).count() > 1 {
            return Err(format!("column {column:?} is in the header more than once"));
        }
        match names.iter().position(is_column) {
            Some(at) => places.push(at),
            None => return Err(missing(names, delimiter, columns, column)),
        }
    }
    Ok(places)
}

/// What to say where a column is not in the header.
fn missing(names: &[String], delimiter: u8, columns: &[String], column: &str) -> String {
    let line = joined(names, delimiter);
    let told = format!("column {column:?} is not in the header, which has: {}", shown_names(names));
    if line.trim_start().starts_with(['{', '[']) {
        return format!("{told}; it looks like JSON, allowed: format = \"jsonl\" in the map");
    }
    for (other, called) in DELIMITERS {
        let parts: Vec<&str> =
            line.split(char::from(other)).map(|part| part.trim().trim_matches('"')).collect();
        if other != delimiter && columns.iter().all(|column| parts.contains(&column.as_str())) {
            return format!(
                "{told}; its delimiter seems to be \"{called}\", allowed: delimiter = \"{called}\" in the map"
            );
        }
    }
    let alike = names.iter().find(|name| name.trim().eq_ignore_ascii_case(column.trim()));
    match alike {
        Some(name) => format!("{told}; it has {name:?}, allowed: that name in the map"),
        None => told,
    }
}

fn joined(names: &[String], delimiter: u8) -> String {
    names.join(char::from(delimiter).encode_utf8(&mut [0; 4]))
}

/// Column names for a message, cut short and escaped.
fn shown_names(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(30)
        .map(|name| format!("{:?}", name.chars().take(40).collect::<String>()))
        .collect();
    let more = if names.len() > 30 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], delimiter: u8, columns: &[&str]) -> String {
        let owned =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        match places(&owned(names), delimiter, &owned(columns)) {
            Ok(places) => format!("{places:?}"),
            Err(why) => why,
        }
    }

    /// Each with the writer that writes it so.
    #[test]
    fn a_header_is_found_or_it_is_said_what_it_is() {
        for (writer, names, delimiter, expected) in [
            ("Python csv", &["time", "camera"][..], b',', "[0, 1]"),
            ("a hand that puts spaces behind commas", &["time", " camera"], b',', "[0, 1]"),
            ("Excel in Germany", &["time;camera"], b',', "delimiter = \";\" in the map"),
            (
                "Excel in Germany, quoted",
                &["time;\"camera\""],
                b',',
                "delimiter = \";\" in the map",
            ),
            (
                "MySQL, PostgreSQL COPY: tabs",
                &["time\tcamera"],
                b',',
                "delimiter = \"\\t\" in the map",
            ),
            ("SQLite's list mode", &["time|camera"], b',', "delimiter = \"|\" in the map"),
            (
                "Excel in the US under a German map",
                &["time,camera"],
                b';',
                "delimiter = \",\" in the map",
            ),
            (
                "pandas to_json(lines=True) named .csv",
                &["{\"time\":1", "\"camera\":2}"],
                b',',
                "format = \"jsonl\"",
            ),
            ("Snowflake: capital letters", &["TIME", "CAMERA"], b',', "it has \"TIME\""),
            ("another table", &["a", "b"], b',', "column \"time\" is not in the header"),
            (
                "a join that names a column twice",
                &["time", "camera", "time"],
                b',',
                "more than once",
            ),
        ] {
            let found = found(names, delimiter, &["time", "camera"]);
            assert!(found.contains(expected), "{writer}: {found}");
        }
    }
}
