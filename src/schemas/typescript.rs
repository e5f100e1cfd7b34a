//! TypeScript types of messages and files, made from their JSON Schemas.
//!
//! They come from the schemas and not from a derive of their own (`ts-rs`), so that types and schemas cannot say
//! different things, and a message that gets a schema gets a type.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::Schema;
use serde_json::{Map, Value};

use super::{BASE, EVENTS, TICKS};

/// Schemas that only the server reads.
const NOT_FOR_CLIENTS: [&str; 3] = [EVENTS, "server-config", "topics-file"];
const HEADER: &str = "// Types of worldtick's messages and files. Made from the JSON Schemas: cargo xtask schemas\n";

/// A file of types for these schemas, named as [`super::all`] names them.
pub(super) fn declarations(schemas: &BTreeMap<&'static str, Schema>) -> String {
    let mut types: BTreeMap<String, Value> = BTreeMap::new();
    let mut events = Vec::new();
    for (name, schema) in schemas.iter().filter(|(name, _)| !NOT_FOR_CLIENTS.contains(name)) {
        let mut root = schema.as_value().clone();
        let definitions = root.as_object_mut().and_then(|root| root.remove("$defs"));
        let mut definitions = match definitions {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        if let Some(mut payload) = definitions.remove("payload") {
            let type_name = type_name(name);
            if let (Some(payload), Some(told)) = (payload.as_object_mut(), root.get("description")) {
                payload.insert("description".to_owned(), told.clone());
            }
            add(&mut types, type_name.clone(), payload);
            events.push((type_name, *name));
        } else {
            add(&mut types, type_name(name), root);
        }
        definitions.into_iter().for_each(|(name, definition)| add(&mut types, name, definition));
    }
    let mut text = HEADER.to_owned();
    for (name, schema) in &types {
        text.push('\n');
        declare(name, schema, &mut text);
    }
    declare_events(&events, &mut text);
    text
}

/// The same name from two schemas must mean the same; one that does not gets a number.
fn add(types: &mut BTreeMap<String, Value>, name: String, schema: Value) {
    let mut free = name.clone();
    let mut number = 2;
    while types.get(&free).is_some_and(|other| *other != schema) {
        free = format!("{name}{number}");
        number += 1;
    }
    types.insert(free, schema);
}

/// The name of the type of a schema: the last part of an event type, or the schema's name.
fn type_name(schema: &str) -> String {
    match schema {
        BASE => "BaseEvent".to_owned(),
        TICKS => "TickMessage".to_owned(),
        other => {
            let last = other.rsplit('.').next().unwrap_or(other);
            last.split(['_', '-']).map(capitalised).collect()
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Events: the envelope and the payload, which stands at top level or under `data`.
fn declare_events(events: &[(String, &str)], text: &mut String) {
    for (name, event_type) in events {
        text.push('\n');
        let told = format!("`{event_type}`: its payload stands at top level or under `data`.");
        comment(&told, "", text);
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "export type {name}Event = Partial<BaseEvent> & {{ event_type: {event_type:?} }} & ({name} | {{ data: {name} }});"
        );
    }
    if !events.is_empty() {
        let all: Vec<String> = events.iter().map(|(name, _)| format!("{name}Event")).collect();
        let _ = write!(
            text,
            "\n/** Everything on simulation.event. */\nexport type SimulationEvent = {};\n",
            all.join(" | ")
        );
    }
}

fn declare(name: &str, schema: &Value, text: &mut String) {
    comment_of(schema, "", text);
    let is_object = schema.get("properties").is_some_and(Value::is_object)
        && schema.get("oneOf").is_none()
        && schema.get("anyOf").is_none();
    let written = type_of(schema, "");
    let _ = if is_object {
        writeln!(text, "export interface {name} {written}")
    } else {
        writeln!(text, "export type {name} = {written};")
    };
}

/// A schema as a type, for a place with this indentation.
fn type_of(schema: &Value, indent: &str) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or("unknown").to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return union(options.iter().map(Value::to_string));
    }
    if let Some(branches) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
        return union(branches.iter().map(|branch| type_of(branch, indent)));
    }
    match schema.get("type") {
        Some(Value::String(one)) => plain_type(one, schema, indent),
        Some(Value::Array(several)) => {
            union(several.iter().filter_map(Value::as_str).map(|one| plain_type(one, schema, indent)))
        }
        _ if schema.get("properties").is_some() => object(schema, indent),
        _ => "unknown".to_owned(),
    }
}

fn union(types: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for one in types {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    if all.is_empty() { "never".to_owned() } else { all.join(" | ") }
}

fn plain_type(name: &str, schema: &Value, indent: &str) -> String {
    match name {
        "integer" | "number" => "number".to_owned(),
        "string" | "boolean" | "null" => name.to_owned(),
        "array" => list(schema, indent),
        "object" => object(schema, indent),
        _ => "unknown".to_owned(),
    }
}

fn list(schema: &Value, indent: &str) -> String {
    if let Some(items) = schema.get("prefixItems").and_then(Value::as_array) {
        let items: Vec<String> = items.iter().map(|item| type_of(item, indent)).collect();
        return format!("[{}]", items.join(", "));
    }
    let item = schema.get("items").map_or_else(|| "unknown".to_owned(), |item| type_of(item, indent));
    let is_compound = item.contains(" | ") || item.contains(" & ");
    if is_compound && !item.ends_with('}') || item.contains("} | ") {
        format!("({item})[]")
    } else {
        format!("{item}[]")
    }
}

fn object(schema: &Value, indent: &str) -> String {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let others = match schema.get("additionalProperties") {
        Some(Value::Bool(true)) => Some("unknown".to_owned()),
        Some(others @ Value::Object(_)) => Some(type_of(others, indent)),
        _ => None,
    };
    if properties.is_empty() {
        return format!("Record<string, {}>", others.unwrap_or_else(|| "unknown".to_owned()));
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let inside = format!("{indent}  ");
    let mut text = "{\n".to_owned();
    for (key, property) in properties {
        comment_of(property, &inside, &mut text);
        let mark = if required.contains(&key.as_str()) { "" } else { "?" };
        let _ = writeln!(text, "{inside}{}{mark}: {};", key_of(key), type_of(property, &inside));
    }
    if others.is_some() {
        let _ = writeln!(text, "{inside}[key: string]: unknown;");
    }
    text + indent + "}"
}

/// A key, in quotes unless it is an identifier.
fn key_of(key: &str) -> String {
    let begins_well = key.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let is_identifier = begins_well && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_identifier { key.to_owned() } else { Value::from(key).to_string() }
}

fn comment_of(schema: &Value, indent: &str, text: &mut String) {
    if let Some(told) = schema.get("description").and_then(Value::as_str).filter(|told| !told.is_empty()) {
        comment(told, indent, text);
    }
}

fn comment(told: &str, indent: &str, text: &mut String) {
    let told = told.replace("*/", "*\\/");
    let lines: Vec<&str> = told.lines().map(str::trim_end).collect();
    let _ = match lines.as_slice() {
        [one] => writeln!(text, "{indent}/** {one} */"),
        several => {
            let lines: String =
                several.iter().map(|line| format!("{indent} * {line}\n").replace(" \n", "\n")).collect();
            writeln!(text, "{indent}/**\n{lines}{indent} */")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn declared(schema: Value) -> String {
        let mut text = String::new();
        declare("T", &schema, &mut text);
        text
    }

    #[test]
    fn choices_are_unions_of_texts() {
        let with_docs =
            json!({"oneOf": [{"type": "string", "const": "a", "description": "A."}, {"type": "string", "const": "b"}]});
        assert_eq!(declared(with_docs), "export type T = \"a\" | \"b\";\n");
        assert_eq!(
            declared(json!({"type": ["string", "null"], "enum": ["a", null]})),
            "export type T = \"a\" | null;\n"
        );
        assert_eq!(declared(json!({"const": 7})), "export type T = 7;\n");
    }

    #[test]
    fn objects_are_interfaces_and_what_is_not_required_is_optional() {
        let schema = json!({
            "description": "What it is.\n\nMore */ of it.", "type": "object", "additionalProperties": false,
            "properties": {
                "id": {"type": "string", "description": "Its id."},
                "count": {"type": ["integer", "null"]},
                "on": {"type": "boolean"},
                "two-words": {"$ref": "#/$defs/Other", "default": 1},
                "inner": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
                "any": true,
            },
            "required": ["id", "on"],
        });
        let expected = "/**\n * What it is.\n *\n * More *\\/ of it.\n */\nexport interface T {\n  /** Its id. */\n  id: string;\n  \
                        count?: number | null;\n  on: boolean;\n  \"two-words\"?: Other;\n  inner?: {\n    x: number;\n  };\n  \
                        any?: unknown;\n}\n";
        assert_eq!(declared(schema), expected);
    }

    #[test]
    fn lists_and_tables_hold_what_they_hold() {
        let list = |items: Value| declared(json!({"type": "array", "items": items}));
        assert_eq!(list(json!({"type": "string"})), "export type T = string[];\n");
        assert_eq!(list(json!({"type": ["string", "null"]})), "export type T = (string | null)[];\n");
        assert_eq!(
            list(json!({"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]})),
            "export type T = (A | null)[];\n"
        );
        assert_eq!(
            declared(json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]})),
            "export type T = [string, number];\n"
        );
        let table = json!({"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}}});
        assert_eq!(declared(table), "export type T = Record<string, Record<string, number>>;\n");
        assert_eq!(
            declared(json!({"type": "object", "additionalProperties": true})),
            "export type T = Record<string, unknown>;\n"
        );
    }

    #[test]
    fn a_tagged_choice_is_a_union_of_objects() {
        let branch =
            |name: &str| json!({"type": "object", "properties": {"type": {"const": name}}, "required": ["type"]});
        let told = declared(json!({"oneOf": [branch("a"), branch("b")]}));
        assert_eq!(told, "export type T = {\n  type: \"a\";\n} | {\n  type: \"b\";\n};\n");
    }

    #[test]
    fn what_bears_one_name_and_differs_gets_a_number() {
        let mut types = BTreeMap::new();
        for schema in [json!({"type": "string"}), json!({"type": "string"}), json!({"type": "number"})] {
            add(&mut types, "A".to_owned(), schema);
        }
        assert_eq!(types.keys().collect::<Vec<_>>(), ["A", "A2"]);
    }

    #[test]
    fn every_reference_has_its_type() {
        let text = declarations(&crate::schemas::all());
        let is_declared = |name: &str| {
            text.contains(&format!("export interface {name} ")) || text.contains(&format!("export type {name} ="))
        };
        for name in [
            "WorldFile",
            "WorldSimulationConfig",
            "BaseEvent",
            "TickMessage",
            "ConditionSpec",
            "MarketCleared",
            "MarketClearedEvent",
            "SimulationEvent",
        ] {
            assert!(is_declared(name), "{name}");
        }
        let schemas = crate::schemas::all();
        for (_, schema) in schemas.iter().filter(|(name, _)| !NOT_FOR_CLIENTS.contains(name)) {
            let names = schema.get("$defs").and_then(Value::as_object).into_iter().flat_map(Map::keys);
            names.filter(|name| *name != "payload").for_each(|name| assert!(is_declared(name), "{name}"));
        }
    }
}
