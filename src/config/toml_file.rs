//! TOML as a tree of located values.

use serde_json::{Number, Value};
use toml_edit::{Array, ArrayOfTables, Document, Item, Key, TableLike, Value as TomlValue};

use super::located::{ByteRange, Entry, Located, Node};
use super::problem::Problem;

/// Reads a TOML file.
pub(crate) fn read(text: &str) -> Result<Located, Problem> {
    let document = Document::parse(text).map_err(|error| {
        let message = error.message().trim().to_owned();
        Problem::new(format!("this is no TOML: {message}")).at(error.span())
    })?;
    let root = document.as_table();
    Ok(Located { span: None, node: Node::Map(entries(root)) })
}

fn entries(table: &dyn TableLike) -> Vec<Entry> {
    let pairs = table.iter().filter(|(_, item)| !item.is_none());
    pairs
        .map(|(name, item)| Entry {
            key: name.to_owned(),
            key_span: table.key(name).and_then(Key::span),
            value: item_at(item),
        })
        .collect()
}

fn item_at(item: &Item) -> Located {
    match item {
        Item::None => scalar(Value::Null, None),
        Item::Value(value) => value_at(value),
        Item::Table(table) => Located { span: table.span(), node: Node::Map(entries(table)) },
        Item::ArrayOfTables(tables) => list_of_tables(tables),
    }
}

fn list_of_tables(tables: &ArrayOfTables) -> Located {
    let items = tables.iter().map(|table| Located { span: table.span(), node: Node::Map(entries(table)) });
    Located { span: tables.span(), node: Node::List(items.collect()) }
}

fn value_at(value: &TomlValue) -> Located {
    let span = value.span();
    match value {
        TomlValue::String(text) => scalar(Value::String(text.value().clone()), span),
        TomlValue::Integer(number) => scalar(Value::from(*number.value()), span),
        // What JSON cannot say (inf, nan) is shown as text, so that it is refused where a number is wanted.
        TomlValue::Float(number) => {
            let json = Number::from_f64(*number.value()).map_or_else(|| number.value().to_string().into(), Value::from);
            scalar(json, span)
        }
        TomlValue::Boolean(value) => scalar(Value::Bool(*value.value()), span),
        TomlValue::Datetime(value) => scalar(Value::String(value.value().to_string()), span),
        TomlValue::Array(array) => Located { span, node: Node::List(items(array)) },
        TomlValue::InlineTable(table) => Located { span, node: Node::Map(entries(table)) },
    }
}

fn items(array: &Array) -> Vec<Located> {
    array.iter().map(value_at).collect()
}

fn scalar(value: Value, span: Option<ByteRange>) -> Located {
    Located { span, node: Node::Scalar(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_their_place() {
        let text = "[kafka]\nstart_at = \"latest\"\nproperties = { \"ssl.ca.location\" = \"/x\" }\n";
        let tree = read(text).expect("TOML");
        assert_eq!(tree.to_json()["kafka"]["properties"]["ssl.ca.location"], "/x");
        let place = tree.value_at("/kafka/start_at").expect("a place");
        assert_eq!(&text[place], "\"latest\"");
        let key = tree.key_at("/kafka/start_at").expect("a place");
        assert_eq!(&text[key], "start_at");
        assert_eq!(&text[tree.key_at("/kafka/none").expect("the nearest")], "kafka");
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_place() {
        let problem = read("[kafka\nx = 1\n").expect_err("refused");
        assert!(problem.span.is_some());
    }
}
