//! What another definition of an experiment changes, setting by setting.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::ExperimentFile;
use crate::api::SettingChange;

/// Longest value that is shown whole, in characters.
const VALUE_CHARS_MAX: usize = 64;

impl ExperimentFile {
    /// Every setting that `after` sets otherwise, by its dotted key.
    pub fn changes(&self, after: &Self) -> Vec<SettingChange> {
        let (before, after) = (flat(&self.to_table()), flat(&after.to_table()));
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
        changed
            .map(|key| SettingChange {
                setting: key.clone(),
                from: before.get(key).map(|value| shown(value)),
                to: after.get(key).map(|value| shown(value)),
            })
            .collect()
    }
}

fn flat(table: &Table) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (key, value) in table {
        flatten(key.clone(), value, &mut settings);
    }
    settings
}

fn flatten(key: String, value: &Value, settings: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(format!("{key}.{name}"), value, settings);
            }
        }
        // A camera or a metric is in a list or not; at which place changes nothing.
        Value::Array(items) if items.iter().all(Value::is_str) => {
            for item in items.iter().filter_map(Value::as_str) {
                settings.insert(format!("{key}[{item}]"), "listed".to_owned());
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(format!("{key}[{index}]"), item, settings);
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {
            settings.insert(key, value.to_string());
        }
    }
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_by_its_dotted_key() {
        let base = "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n";
        let read = |more: &str| ExperimentFile::parse(&format!("{base}{more}")).unwrap();
        let before = read("[assignment]\ncameras = [\"a\", \"b\"]\nsplit = \"balanced\"\n");
        let after = read(
            "[ab]\ntreatment_percentage = 0.2\n\
             [assignment]\ncameras = [\"b\", \"c\"]\nsplit = \"balanced\"\noverrides = { a = \"control\" }\n",
        );
        let change = |setting: &str, from: Option<&str>, to: Option<&str>| SettingChange {
            setting: setting.to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        assert_eq!(
            before.changes(&after),
            [
                change("ab.treatment_percentage", Some("0.5"), Some("0.2")),
                change("assignment.cameras[a]", Some("listed"), None),
                change("assignment.cameras[c]", None, Some("listed")),
                change("assignment.overrides.a", None, Some("\"control\"")),
            ]
        );
        assert_eq!(before.changes(&before), []);
    }

    #[test]
    fn a_review_is_there_where_it_is_named_and_reads_back_as_it_was() {
        let base = "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n";
        let read = |more: &str| ExperimentFile::parse(&format!("{base}{more}")).unwrap();
        let digest = |file: &ExperimentFile| file.definition.digest();
        let without = read("");
        assert!(without.definition.experiment().review.is_none());
        let with = read(
            "[review]\nbudget = 60\nsecond_look = false\nrequired = false\n\
             clip_url = \"https://nvr.example/{event_id}\"\n",
        );
        assert_ne!(digest(&without), digest(&with));
        let again = ExperimentFile::parse(&with.to_toml()).unwrap();
        assert_eq!(digest(&again), digest(&with));
        assert!(read("[review]\n").definition.experiment().review.is_some());
        assert!(ExperimentFile::parse(&format!("{base}[review]\nclip_url = \"clip\"\n")).is_err());
        let unseen = format!("{base}[shadow]\nduration_hours = 0\n[review]\n");
        let error = ExperimentFile::parse(&unseen).unwrap_err().to_string();
        assert!(error.contains("shadow.duration_hours is 0"), "{error}");
    }
}
