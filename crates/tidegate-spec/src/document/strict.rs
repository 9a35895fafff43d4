//! A JSON object as a tree of values, none of which was overlooked on the way.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use toml::{Table, Value};

/// What `null` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A fault: a field without a value is left out.
    Refused,
    /// A value like others: `NaN`, which JSON has no number for.
    Kept,
}

/// An object whose fields, and those of the objects in it, come once each.
pub(crate) fn table(text: &str, nulls: Nulls) -> Result<Table, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let table = deserializer.deserialize_map(ObjectVisitor(nulls))?;
    deserializer.end()?;
    Ok(table)
}

struct ObjectVisitor(Nulls);

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
        let mut table = Table::new();
        while let Some(key) = map.next_key::<String>()? {
            if table.contains_key(&key) {
                let shown: String = key.chars().take(40).collect();
                return Err(A::Error::custom(format!("the field {shown:?} comes twice")));
            }
            let value = map.next_value_seed(Anything(self.0))?;
            table.insert(key, value);
        }
        Ok(table)
    }
}

/// Any value.
struct Anything(Nulls);

impl<'de> DeserializeSeed<'de> for Anything {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a list or an object; a field without a value is left out")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        match self.0 {
            Nulls::Refused => Err(E::invalid_type(Unexpected::Unit, &self)),
            Nulls::Kept => Ok(Value::Float(f64::NAN)),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        // No number of a file is that large: its range is told where it is read.
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Anything(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        ObjectVisitor(self.0).visit_map(map).map(Value::Table)
    }
}
