//! YAML as a tree of located values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Location, NonFiniteFloatPolicy, Spanned};

use super::located::{ByteRange, Entry, Located, Node};
use super::once::Once;
use super::problem::Problem;

/// Reads a YAML file.
pub(crate) fn read(text: &str) -> Result<Located, Problem> {
    // What is no number for JSON comes as text, for the schema to find fault with at its place.
    let options = serde_saphyr::options! { non_finite_float_policy: NonFiniteFloatPolicy::AsString };
    let tree: Spanned<Tree> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let span = error.location().and_then(|place| bytes(&place).or_else(|| line_and_column(text, &place)));
        Problem::new(in_words(error.without_snippet())).at(span)
    })?;
    Ok(located(tree))
}

/// Why a text is not read, in words for people.
fn in_words(error: &serde_saphyr::Error) -> String {
    match error {
        serde_saphyr::Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => "it is nested too deep to be read".to_owned(),
            BudgetBreach::Documents { .. } => "it holds too many documents: one is read".to_owned(),
            _ => "it has too much in it to be read: too many values, keys and aliases for one file".to_owned(),
        },
        serde_saphyr::Error::MultipleDocuments { .. } => {
            "it holds more than one document: put each into a file of its own".to_owned()
        }
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("this is no YAML: the key `{key}` is there twice")
        }
        other => {
            let message = other.to_string();
            // The place is shown beside the message.
            let message = message.split_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            // What follows is for programmers.
            let message = message.split_once(", set DuplicateKeyPolicy").map_or(message, |(message, _)| message);
            format!("this is no YAML: {message}")
        }
    }
}

/// Reads a JSON file. It is YAML, too, which knows the places; what is JSON alone has none.
pub(crate) fn read_json(text: &str) -> Result<Located, Problem> {
    let Once(value) = serde_json::from_str(text).map_err(|error| {
        let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = text.floor_char_boundary((before + error.column().saturating_sub(1)).min(text.len()));
        let message = error.to_string();
        let message = message.split_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Problem::new(format!("this is no JSON: {message}")).at(Some(at..at))
    })?;
    match read(text) {
        Ok(tree) if tree.to_json() == value => Ok(tree),
        _ => Ok(placeless(value)),
    }
}

fn placeless(value: Value) -> Located {
    let node = match value {
        Value::Array(items) => Node::List(items.into_iter().map(placeless).collect()),
        Value::Object(table) => {
            let entry = |(key, value)| Entry { key, key_span: None, value: placeless(value) };
            Node::Map(table.into_iter().map(entry).collect())
        }
        other => Node::Scalar(other),
    };
    Located { span: None, node }
}

/// A value of any kind, with the places that serde-saphyr gives.
enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn located(tree: Spanned<Tree>) -> Located {
    let span = bytes(&tree.referenced);
    let node = match tree.value {
        Tree::Scalar(value) => Node::Scalar(value),
        Tree::List(items) => Node::List(items.into_iter().map(located).collect()),
        Tree::Map(pairs) => Node::Map(
            pairs
                .into_iter()
                .map(|(key, value)| Entry { key_span: bytes(&key.referenced), key: key.value, value: located(value) })
                .collect(),
        ),
    };
    Located { span, node }
}

/// The bytes of a place; nothing where they are not known.
fn bytes(place: &Location) -> Option<ByteRange> {
    let span = place.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len().unwrap_or(0)).ok()?;
    Some(start..start.checked_add(length)?)
}

/// The byte of a place of which only line and column are known.
fn line_and_column(text: &str, place: &Location) -> Option<ByteRange> {
    let line = usize::try_from(place.line()).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column()).ok()?.checked_sub(1)?;
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let within: usize = text.get(before..)?.chars().take(column).map(char::len_utf8).sum();
    Some(before + within..before + within)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any YAML value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::from)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Tree::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_their_place() {
        let text = "id: w\nmeta:\n  simulation:\n    timeScale: 60\nlist:\n  - a\n  - b: 1.5\n";
        let tree = read(text).expect("YAML");
        let json = tree.to_json();
        assert_eq!(json["meta"]["simulation"]["timeScale"], 60);
        assert_eq!(json["list"][1]["b"], 1.5);
        let place = tree.value_at("/meta/simulation/timeScale").expect("a place");
        assert_eq!(&text[place], "60");
        let key = tree.key_at("/meta/simulation/timeScale").expect("a place");
        assert_eq!(&text[key], "timeScale");
        assert_eq!(&text[tree.value_at("/list/0").expect("a place")], "a");
    }

    #[test]
    fn scalars_have_the_types_of_yaml() {
        let json = read("a: true\nb: null\nc: 2077-01-01T00:00:00Z\nd: -3\ne: '7'\nf: ~\n").expect("YAML").to_json();
        assert_eq!(
            json,
            serde_json::json!({"a": true, "b": null, "c": "2077-01-01T00:00:00Z", "d": -3, "e": "7", "f": null})
        );
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place() {
        let problem = read("id: w\n  - x: [\n").expect_err("refused");
        assert_eq!(problem.span.map(|span| span.start), Some(11), "{}", problem.message);
        assert!(!problem.message.contains("at line"), "{}", problem.message);
        assert!(read("a: 1\na: 2\n").is_err(), "a key may stand once");
    }
}
