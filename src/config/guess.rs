//! What a value may have been meant to be that does not fit its type: so that rules which look at all of it can be held
//! against the rest, and everything that is wrong is told at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::located::join;
use crate::world::lenient::{Unfit, read};

/// Places that are guessed at most; with more, what the schema says is enough for once.
const GUESSES_MAX: usize = 64;

/// What is said of the first hangs on the second, which stands elsewhere.
const LEANS_ON: [(&str, &str); 3] = [
    ("/economy/roles", "/economy/population/count"),
    ("/economy/population/renewal", "/economy/population/count"),
    ("/economy/chronicle", "/economy/population/count"),
];

/// A value that was made to fit.
pub(super) struct Guess<T> {
    pub(super) value: T,
    /// Places whose values were made up; a quoted number that was read as one is not.
    made_up: Vec<String>,
}

impl<T: DeserializeOwned> Guess<T> {
    /// Makes a value fit its type; nothing where that takes too much.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let (mut value, mut made_up) = (value.clone(), Vec::new());
        let mut before = None;
        for _ in 0..GUESSES_MAX {
            let unfit = match read::<T>(&value) {
                Ok(value) => return Some(Self { value, made_up }),
                Err(unfit) => unfit,
            };
            let stuck = before.as_ref() == Some(&unfit);
            mend(&mut value, &unfit, stuck, &mut made_up)?;
            before = Some(unfit);
        }
        None
    }
}

impl<T> Guess<T> {
    /// Whether what the rules say of a place can be said of what was written, too.
    pub(super) fn vouches_for(&self, pointer: &str) -> bool {
        let inside =
            |one: &str, other: &str| one == other || one.strip_prefix(other).is_some_and(|r| r.starts_with('/'));
        !self.made_up.iter().any(|made_up| {
            let leans = |(what, on): &(&str, &str)| inside(pointer, what) && inside(made_up, on);
            inside(made_up, pointer) || inside(pointer, made_up) || LEANS_ON.iter().any(leans)
        })
    }
}

/// Changes one place; nothing where there is nothing to change.
fn mend(root: &mut Value, unfit: &Unfit, stuck: bool, made_up: &mut Vec<String>) -> Option<()> {
    let pointer = super::flaws::pointer_of(&unfit.path, root);
    let quoted = |words: &str| {
        let after = unfit.message.split_once(words)?.1;
        after.split('`').nth(1).map(str::to_owned)
    };
    if let Some(field) = quoted("unknown field ") {
        // The place is the table or the key itself, as its reader has it.
        let around = pointer.rsplit_once('/').map_or("", |(around, _)| around);
        for table in [pointer.as_str(), around] {
            if let Some(Value::Object(fields)) = root.pointer_mut(table)
                && fields.remove(&field).is_some()
            {
                // It may be another key of this table, misspelt; a section has nothing that hangs on it where it is not.
                made_up.extend((!table.is_empty()).then(|| table.to_owned()));
                return Some(());
            }
        }
        return None;
    }
    if let Some(field) = quoted("missing field ") {
        made_up.push(join(&pointer, &field));
        root.pointer_mut(&pointer)?.as_object_mut()?.insert(field, Value::Null);
        return Some(());
    }
    if let Some(variant) = unfit.message.split_once("unknown variant ").and_then(|_| quoted("expected")) {
        // What stands beside a kind depends on it.
        made_up.push(pointer.rsplit_once('/').map_or("", |(around, _)| around).to_owned());
        *root.pointer_mut(&pointer)? = variant.into();
        return Some(());
    }
    let value = root.pointer_mut(&pointer)?;
    let (fitting, is_meant) = fitting(value, &unfit.message);
    if !is_meant {
        made_up.push(pointer.clone());
    }
    if stuck || *value == fitting {
        return None;
    }
    *value = fitting;
    Some(())
}

/// A value of the kind that is expected, and whether it is what was meant.
fn fitting(value: &Value, message: &str) -> (Value, bool) {
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let number = value.as_str().and_then(|text| serde_json::from_str::<Value>(text.trim()).ok());
    let number = number.filter(Value::is_number);
    let is = |words: &[&str]| words.iter().any(|word| expected.contains(word));
    match value {
        _ if is(&["number"]) => {
            let meant = number.is_some();
            (number.unwrap_or_else(|| 0.into()), meant)
        }
        Value::Number(number) if is(&["string"]) => (number.to_string().into(), true),
        _ if is(&["sequence", "array"]) => (Value::Array(Vec::new()), false),
        _ if is(&["boolean"]) => (false.into(), false),
        _ if is(&["string", "identifier"]) => ("".into(), false),
        _ if is(&["map", "struct"]) => (Value::Object(Map::new()), false),
        // Of what kind it must be the message does not say: a name, most likely.
        _ => ("x".into(), false),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct One {
        name: String,
        count: u32,
        kind: Option<Kind>,
        #[serde(default)]
        list: Vec<f64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Yield,
    }

    #[test]
    fn what_does_not_fit_is_guessed_and_what_hangs_on_it_is_not_believed() {
        let document = json!({"a": {"name": 5, "count": "60", "kind": "bogus", "colour": 1, "list": ["x", 2]}});
        let guess = Guess::<std::collections::BTreeMap<String, One>>::of(&document).expect("mended");
        let expected = One { name: "5".into(), count: 60, kind: Some(Kind::Yield), list: vec![0.0, 2.0] };
        assert_eq!(guess.value["a"], expected);
        assert!(!guess.vouches_for("/a/list"));
        let document = json!({"a": {"name": "n", "count": "60"}, "b": {"count": -1}});
        let guess = Guess::<std::collections::BTreeMap<String, One>>::of(&document).expect("mended");
        assert!(guess.vouches_for("/a/count") && guess.vouches_for("/a"));
        assert!(!guess.vouches_for("/b/count") && !guess.vouches_for("/b"));
    }
}
