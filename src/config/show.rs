//! The configuration as people read it: a table, JSON, TOML, and the file with every key and its default.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::keys::{self, Key, KeyKind};
use super::layers::{Loaded, Setting};

/// Rows of key, value and source.
pub fn rows(loaded: &Loaded) -> Vec<[String; 3]> {
    let row = |setting: &Setting| [setting.key.name.clone(), plain(&setting.value), setting.source.to_string()];
    loaded.settings.iter().map(row).collect()
}

/// `{section: {key: {value, source}}}`.
pub fn to_json(loaded: &Loaded) -> Value {
    let mut sections = Value::Object(Map::new());
    for setting in &loaded.settings {
        let entry = json!({"value": setting.value, "source": setting.source.to_string()});
        keys::put(&mut sections, setting.key.pointer.trim_start_matches('/'), entry);
    }
    sections
}

/// A file that says the same, each value with where it came from.
pub fn to_toml(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut last = "";
    for setting in &loaded.settings {
        let Some((section, key)) = setting.key.name.rsplit_once('.') else { continue };
        if section != last {
            let gap = if last.is_empty() { "" } else { "\n" };
            // Writing to a String does not fail.
            let _ = writeln!(text, "{gap}[{section}]");
            last = section;
        }
        match toml_value(&setting.value) {
            Some(value) if setting.key.secret => {
                let _ = writeln!(text, "# {key} = {value} # {}", setting.source);
            }
            Some(value) => {
                let _ = writeln!(text, "{key} = {value} # {}", setting.source);
            }
            None => {
                let _ = writeln!(text, "# {key} is not set");
            }
        }
    }
    text
}

/// The file in which every key stands with its description, its bounds, its variables and its default.
pub fn example() -> String {
    let mut text = String::from(
        "# The configuration of the worldtick server. Every key stands here with its default; take away the `#` to change it.\n\
         # Later ones win: defaults, this file, environment variables, flags. `worldtick config check` checks it,\n\
         # `worldtick config show` shows what holds and why.\n",
    );
    for section in keys::sections() {
        let _ = write!(text, "\n# {}\n[{}]\n", section.description, section.name);
        for key in &section.keys {
            text.push_str(&documented(key));
        }
    }
    text
}

fn documented(key: &Key) -> String {
    let name = key.name.rsplit('.').next().unwrap_or_default();
    let mut text = format!("\n# {}\n", key.description);
    let bounds = match key.bounds {
        (Some(least), Some(largest)) => format!("{least} to {largest}. "),
        (Some(least), None) => format!("At least {least}. "),
        _ => String::new(),
    };
    let _ = writeln!(text, "# {bounds}Environment: {}", key.variables.join(", "));
    let value = toml_value(&key.default).unwrap_or_else(|| match key.kind {
        KeyKind::Text => "\"\"".to_owned(),
        _ => String::new(),
    });
    let _ = writeln!(text, "# {name} = {value}");
    text
}

/// A value in a table.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::Object(table) if table.is_empty() => "(none)".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(table) => {
            table.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A value in TOML; nothing for one that is not set.
fn toml_value(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if let Value::Object(table) = value {
        let pairs: Vec<String> = table
            .iter()
            .filter_map(|(name, value)| {
                Some(format!("{} = {}", toml_value(&name.as_str().into())?, toml_value(value)?))
            })
            .collect();
        return Some(if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) });
    }
    let value: toml::Value = serde_json::from_value(value.clone()).ok()?;
    Some(value.to_string())
}
