//! The list of keys, read from the schema of the configuration.

use std::collections::BTreeMap;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::model::ServerConfig;

/// Variables that are known by other names than `WORLDTICK_<SECTION>_<KEY>`.
const ALIASES: [(&str, &str); 12] = [
    ("/server/data_dir", "WORLDTICK_DATA_DIR"),
    ("/kafka/bootstrap_servers", "KAFKA_BOOTSTRAP_SERVERS"),
    ("/kafka/security_protocol", "KAFKA_SECURITY_PROTOCOL"),
    ("/kafka/sasl_mechanism", "KAFKA_SASL_MECHANISM"),
    ("/kafka/sasl_username", "KAFKA_SASL_USERNAME"),
    ("/kafka/sasl_password", "KAFKA_SASL_PASSWORD"),
    ("/store/url", "DATABASE_URL"),
    ("/log/level", "LOG_LEVEL"),
    ("/crowd/simulation_enabled", "CROWD_SIMULATION_ENABLED"),
    ("/crowd/num_agents", "CROWD_NUM_AGENTS"),
    ("/crowd/grid_width", "CROWD_GRID_WIDTH"),
    ("/crowd/grid_height", "CROWD_GRID_HEIGHT"),
];

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// true or false.
    Flag,
    /// Several texts.
    List,
    /// Texts by name.
    Table,
}

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// `section.key`, or `section.section.key`.
    pub name: String,
    /// The same as a JSON pointer.
    pub pointer: String,
    /// What its value is.
    pub kind: KeyKind,
    /// What it does.
    pub description: String,
    /// Least and largest number.
    pub bounds: (Option<f64>, Option<f64>),
    /// The value that holds when nothing is said; null for none.
    pub default: Value,
    /// Whether it must not be shown.
    pub secret: bool,
    /// Environment variables that set it, the one that wins first.
    pub variables: Vec<String>,
}

/// A section of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Its keys, in the order in which they are documented.
    pub keys: Vec<Key>,
}

/// The JSON Schema of the server's configuration.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<ServerConfig>()
}

/// Every key, by section.
pub fn sections() -> Vec<Section> {
    let schema = schema().to_value();
    let defaults = serde_json::to_value(ServerConfig::default()).unwrap_or_default();
    let aliases = BTreeMap::from(ALIASES);
    flat_sections(&schema)
        .into_iter()
        .map(|(section, of_section)| Section {
            description: description(of_section),
            keys: properties(of_section)
                .filter(|(_, of_key)| !is_section(of_key))
                .map(|(key, of_key)| {
                    let pointer = format!("/{}/{key}", section.replace('.', "/"));
                    let own = format!("{}{}", variable_prefix(&section), key.to_uppercase());
                    let alias = aliases.get(pointer.as_str()).map(|alias| (*alias).to_owned());
                    Key {
                        name: format!("{section}.{key}"),
                        kind: kind(of_key),
                        description: description(of_key),
                        bounds: (bound(of_key, "minimum"), bound(of_key, "maximum")),
                        default: defaults.pointer(&pointer).cloned().unwrap_or_default(),
                        secret: of_key.get("writeOnly") == Some(&Value::Bool(true)),
                        variables: std::iter::once(own).chain(alias).collect(),
                        pointer,
                    }
                })
                .collect(),
            name: section,
        })
        .collect()
}

/// How variables of a section begin.
pub(super) fn variable_prefix(section: &str) -> String {
    format!("WORLDTICK_{}_", section.replace('.', "_").to_uppercase())
}

/// The sections with their schemas; one within another (`tasks.outbox`) follows it, and one without keys is left out.
fn flat_sections(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, of_section) in properties(schema) {
        if properties(of_section).any(|(_, of_key)| !is_section(of_key)) {
            found.push((name.clone(), of_section));
        }
        let inner = properties(of_section).filter(|(_, of_key)| is_section(of_key));
        found.extend(inner.map(|(inner, of_inner)| (format!("{name}.{inner}"), of_inner)));
    }
    found
}

/// Whether it has keys of its own: a table of texts by name has none.
fn is_section(schema: &Value) -> bool {
    schema.get("properties").is_some()
}

/// Every key.
pub fn all() -> Vec<Key> {
    sections().into_iter().flat_map(|section| section.keys).collect()
}

/// Puts a value at a place within tables that are made where they are missing.
pub(super) fn put(tables: &mut Value, place: &str, value: Value) {
    let Value::Object(table) = tables else { return };
    match place.split_once('/') {
        Some((section, rest)) => put(table.entry(section).or_insert_with(|| Value::Object(Map::new())), rest, value),
        None => {
            table.insert(place.to_owned(), value);
        }
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

fn bound(schema: &Value, name: &str) -> Option<f64> {
    schema.get(name).and_then(Value::as_f64)
}

fn kind(schema: &Value) -> KeyKind {
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    };
    if is("boolean") {
        KeyKind::Flag
    } else if is("integer") {
        KeyKind::Integer
    } else if is("number") {
        KeyKind::Number
    } else if is("array") {
        KeyKind::List
    } else if is("object") {
        KeyKind::Table
    } else {
        KeyKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_and_numbers_have_bounds() {
        let keys = all();
        assert!(keys.len() > 40);
        for key in keys {
            assert!(!key.description.is_empty(), "{} has no description", key.name);
            if matches!(key.kind, KeyKind::Integer | KeyKind::Number) {
                assert!(key.bounds.0.is_some() && key.bounds.1.is_some(), "{} has no bounds", key.name);
            }
        }
    }

    #[test]
    fn secrets_and_variables_are_known() {
        let find = |name: &str| all().into_iter().find(|key| key.name == name).expect("a key");
        assert!(find("kafka.sasl_password").secret && find("store.url").secret && find("admin.token").secret);
        assert_eq!(find("store.url").variables, ["WORLDTICK_STORE_URL", "DATABASE_URL"]);
        assert_eq!(find("server.data_dir").variables, ["WORLDTICK_SERVER_DATA_DIR", "WORLDTICK_DATA_DIR"]);
        assert_eq!(find("host.worker_threads").kind, KeyKind::Integer);
        assert_eq!(find("kafka.sasl_password").kind, KeyKind::Text);
    }
}
