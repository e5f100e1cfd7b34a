//! Hiding secrets in what is shown of a configuration.

use serde_json::Value;

use super::keys::Key;
use super::value::HIDDEN;

/// librdkafka's properties hold secrets under several names.
pub(super) fn hide_if_secret(name: &str, value: &Value) -> Value {
    let name = name.to_lowercase();
    let secret = ["password", "secret", "pem", "token", "jaas", "assertion"].iter().any(|part| name.contains(part));
    if secret { HIDDEN.into() } else { value.clone() }
}

/// The text of a file with everything behind the `=` of a secret's key blanked out, byte for byte.
pub(super) fn blank_secrets(text: &str, keys: &[Key]) -> String {
    let is_secret = |name: &str| {
        let name = name.trim().trim_matches(['"', '\'']);
        let last = name.rsplit('.').next().unwrap_or(name).trim();
        keys.iter().any(|key| key.secret && key.name.ends_with(&format!(".{last}")))
            || hide_if_secret(last, &Value::Null) != Value::Null
    };
    let blank = |line: &str| match line.split_once('=') {
        Some((name, rest)) if is_secret(name) || hide_if_secret(line, &Value::Null) != Value::Null => {
            let stars: String = rest
                .chars()
                .flat_map(|c| {
                    let keep = c.is_whitespace();
                    std::iter::repeat_n(if keep { c } else { '*' }, if keep { 1 } else { c.len_utf8() })
                })
                .collect();
            format!("{name}={stars}")
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(blank).collect()
}
