//! Lays a scenario's own settings over those of a preset.

use toml::{Table, Value};

use crate::preset::Preset;

/// Fills a preset in below the experiment's own settings, and the shadow's hours above them.
pub(super) fn resolve(table: &mut Table) {
    let hours = table.get("shadow").and_then(Value::as_table).and_then(|s| s.get("hours")).cloned();
    let Some(experiment) = table.get_mut("experiment").and_then(Value::as_table_mut) else {
        return;
    };
    if let Some(name) = experiment.get("preset") {
        let found = Preset::ALL.iter().find(|(preset, _)| name.as_str() == Some(preset));
        // Where the name is wrong, one that is right stands in for it, so that only the name is a fault.
        let preset = found.map_or(Preset::Production, |(_, preset)| *preset);
        let mut filled = preset.file().to_table();
        overlay(&mut filled, experiment);
        *experiment = filled;
    }
    if let Some(hours) = hours.filter(|hours| hours.is_float() || hours.is_integer()) {
        let shadow = experiment.entry("shadow").or_insert_with(|| Value::Table(Table::new()));
        if let Some(shadow) = shadow.as_table_mut() {
            shadow.insert("duration_hours".to_owned(), hours);
        }
    }
}

/// Lays the values of `upper` over those of `lower`, table by table.
fn overlay(lower: &mut Table, upper: &Table) {
    for (key, value) in upper {
        match (lower.get_mut(key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => overlay(lower, upper),
            _ => {
                lower.insert(key.clone(), value.clone());
            }
        }
    }
}
