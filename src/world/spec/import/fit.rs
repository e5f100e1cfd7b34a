//! Making a JSON value fit a schema: what the schema does not know is left out and noted, what is wrong is refused.

use serde_json::{Map, Value, json};

use super::report::ImportReport;
use crate::world::spec::nearest;

/// Keys that were written in other ways.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("source", "from"),
    ("fromNodeId", "from"),
    ("target", "to"),
    ("toNodeId", "to"),
    ("favouriteLocations", "favoriteLocations"),
    ("type", "nodeType"),
];
/// Days of the week as they are written out, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What becomes of a value.
#[derive(PartialEq)]
enum Fit {
    /// It stays.
    Keep,
    /// It is left out, as if it had not been written.
    LeaveOut,
}

/// Fits values to one schema.
pub(super) struct Fitter<'a> {
    schema: &'a Value,
    report: &'a mut ImportReport,
    errors: &'a mut Vec<String>,
}

/// Errors that are told at most.
const ERRORS_MAX: usize = 200;

impl<'a> Fitter<'a> {
    pub(super) fn new(schema: &'a Value, report: &'a mut ImportReport, errors: &'a mut Vec<String>) -> Self {
        Self { schema, report, errors }
    }

    /// Fits a whole document that stands at this pointer.
    pub(super) fn fit(&mut self, value: &mut Value, pointer: &str) {
        let schema = self.schema;
        self.fit_to(value, schema, pointer);
    }

    fn error(&mut self, pointer: &str, message: impl AsRef<str>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(format!("{pointer}: {}", message.as_ref()));
        }
    }

    /// The schema that a reference means.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        name.and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }

    fn fit_to(&mut self, value: &mut Value, schema: &'a Value, pointer: &str) -> Fit {
        let schema = self.resolve(schema);
        let branches = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
        if let Some(branches) = branches {
            return self.fit_branches(value, branches, pointer);
        }
        if let Some(names) = schema.get("enum").and_then(Value::as_array) {
            return self.fit_name(value, &texts(names), pointer);
        }
        let types = match schema.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            // Anything goes.
            _ => return Fit::Keep,
        };
        if value.is_null() {
            return if types.contains(&"null") { Fit::Keep } else { Fit::LeaveOut };
        }
        match types.iter().find(|name| **name != "null") {
            Some(&"object") => self.fit_object(value, schema, pointer),
            Some(&"array") => self.fit_list(value, schema, pointer),
            Some(&"string") => self.fit_text(value, pointer),
            Some(&"integer") => self.fit_whole_number(value, schema, pointer),
            Some(&"number") if !value.is_number() => self.refuse(value, "a number", pointer),
            Some(&"boolean") if !value.is_boolean() => self.refuse(value, "true or false", pointer),
            _ => Fit::Keep,
        }
    }

    fn refuse(&mut self, value: &Value, wanted: &str, pointer: &str) -> Fit {
        if pointer.ends_with("/version") {
            self.report.note(pointer, format!("{} is no version as it is written here: left out", shown(value)));
            return Fit::LeaveOut;
        }
        self.error(pointer, format!("it is {}, but must be {wanted}", shown(value)));
        Fit::Keep
    }

    fn fit_branches(&mut self, value: &mut Value, branches: &'a [Value], pointer: &str) -> Fit {
        let branches: Vec<&'a Value> = branches.iter().map(|branch| self.resolve(branch)).collect();
        let is_null = |branch: &&Value| branch.get("type").and_then(Value::as_str) == Some("null");
        if value.is_null() {
            return if branches.iter().any(is_null) { Fit::Keep } else { Fit::LeaveOut };
        }
        let tag = |branch: &Value| branch.pointer("/properties/type/const").cloned();
        if branches.iter().any(|branch| tag(branch).is_some()) {
            let found =
                value.get("type").and_then(|kind| branches.iter().find(|branch| tag(branch).as_ref() == Some(kind)));
            return match found {
                Some(branch) => self.fit_to(value, branch, pointer),
                None => self.no_such_kind(value, &branches, pointer),
            };
        }
        let names: Vec<&str> = branches.iter().filter_map(|branch| branch.get("const")?.as_str()).collect();
        if !names.is_empty() {
            return self.fit_name(value, &names, pointer);
        }
        match branches.iter().find(|branch| !is_null(branch)) {
            Some(branch) => self.fit_to(value, branch, pointer),
            None => Fit::LeaveOut,
        }
    }

    /// A condition of an unknown type: it is kept as one that never holds, so that nothing happens that was not meant.
    fn no_such_kind(&mut self, value: &mut Value, branches: &[&'a Value], pointer: &str) -> Fit {
        let Some(kind) = value.get("type").and_then(Value::as_str) else {
            return self.refuse(value, "an object with a `type`", pointer);
        };
        let known = branches.iter().filter_map(|branch| branch.pointer("/properties/type/const")?.as_str());
        let meant = nearest(kind, known).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
        let message = format!("the condition `{}` was not understood{meant}: taken as one that never holds", cut(kind));
        self.report.note(pointer, message);
        *value = never();
        Fit::Keep
    }

    fn fit_name(&mut self, value: &mut Value, names: &[&str], pointer: &str) -> Fit {
        let Some(written) = value.as_str() else { return self.refuse(value, "a text", pointer) };
        if names.contains(&written) {
            return Fit::Keep;
        }
        let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
        match names.iter().find(|name| plain(name) == plain(written)) {
            Some(name) => {
                *value = json!(name);
                Fit::Keep
            }
            None => {
                let meant = match nearest(written, names.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("there are {}", names.join(", ")),
                };
                let message = format!("`{}` was not understood ({meant})", cut(written));
                self.report.note(pointer, message);
                Fit::LeaveOut
            }
        }
    }

    fn fit_object(&mut self, value: &mut Value, schema: &'a Value, pointer: &str) -> Fit {
        if let Value::Array(items) = value
            && schema.get("additionalProperties").is_some_and(Value::is_object)
        {
            // Tables were also written as lists of entries that have an `id`.
            match by_id(items) {
                Some(table) => *value = Value::Object(table),
                None => return self.refuse(value, "a table of keys and values", pointer),
            }
        }
        let Value::Object(table) = value else { return self.refuse(value, "a table of keys and values", pointer) };
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        if let Some(properties) = properties {
            rename(table, properties);
        }
        let mut left_out = Vec::new();
        let had_times = table.get("timeOfDay").is_some_and(is_filled);
        for (key, inner) in table.iter_mut() {
            let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            let fit = match (properties.and_then(|known| known.get(key)), others) {
                (Some(schema), _) => {
                    if key == "days" {
                        name_days(inner);
                    }
                    self.fit_to(inner, schema, &place)
                }
                (None, Some(schema @ Value::Object(_))) => self.fit_to(inner, schema, &place),
                (None, Some(Value::Bool(false))) => {
                    self.unknown_key(key, properties, &place);
                    Fit::LeaveOut
                }
                _ => Fit::Keep,
            };
            if fit == Fit::LeaveOut {
                left_out.push(key.clone());
            }
        }
        table.retain(|key, _| !left_out.contains(key));
        if had_times && !table.get("timeOfDay").is_some_and(is_filled) {
            self.never_at_any_time(table, pointer);
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) && !self.default(table, name, pointer) {
                let place = format!("{pointer}/{name}");
                match self.report.notes.iter().rev().find(|note| note.pointer == place).map(|note| note.message.clone())
                {
                    Some(why) => self.error(&place, why),
                    None => self.error(pointer, format!("`{name}` is missing")),
                }
            }
        }
        Fit::Keep
    }

    /// A requirement of which nothing was understood must not become no requirement at all.
    fn never_at_any_time(&mut self, table: &mut Map<String, Value>, pointer: &str) {
        let message = "none of its times was understood: taken as a condition that never holds";
        self.report.note(format!("{pointer}/timeOfDay"), message);
        if let Value::Array(conditions) = table.entry("conditions").or_insert_with(|| json!([])) {
            conditions.push(never());
        }
    }

    fn unknown_key(&mut self, key: &str, known: Option<&Map<String, Value>>, pointer: &str) {
        let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
        let meant = nearest(key, names).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
        self.report.note(pointer, format!("was not understood{meant}"));
    }

    /// Something that is missing and has an obvious default.
    fn default(&mut self, table: &mut Map<String, Value>, name: &str, pointer: &str) -> bool {
        let value = match name {
            "category" => json!("other"),
            "detailed" => json!({"maxNpcs": 20}),
            "active" => json!({"maxNpcs": 100}),
            "ambient" => json!({"maxNpcs": 500}),
            "dormant" => json!({"maxNpcs": 5_000}),
            "nodes" | "moodTags" | "times" | "days" => json!([]),
            "priority" => json!(0),
            _ => return false,
        };
        self.report.note(pointer, format!("`{name}` is missing: taken as {value}"));
        table.insert(name.to_owned(), value);
        true
    }

    fn fit_list(&mut self, value: &mut Value, schema: &'a Value, pointer: &str) -> Fit {
        if value.is_string() {
            *value = json!([value.take()]);
        }
        let Value::Array(items) = value else { return self.refuse(value, "a list", pointer) };
        if let Some(schema) = schema.get("items") {
            let mut number = 0;
            items.retain_mut(|item| {
                let fit = self.fit_to(item, schema, &format!("{pointer}/{number}"));
                number += 1;
                fit == Fit::Keep
            });
        }
        Fit::Keep
    }

    fn fit_text(&mut self, value: &mut Value, pointer: &str) -> Fit {
        match value {
            Value::String(_) => Fit::Keep,
            // Ids were numbers in some worlds.
            Value::Number(number) => {
                *value = Value::String(number.to_string());
                Fit::Keep
            }
            _ => self.refuse(value, "a text", pointer),
        }
    }

    fn fit_whole_number(&mut self, value: &mut Value, schema: &Value, pointer: &str) -> Fit {
        let Some(number) = value.as_f64().filter(|number| number.abs() < 9e15) else {
            return self.refuse(value, "a whole number", pointer);
        };
        let (least, most) = match schema.get("format").and_then(Value::as_str) {
            Some("uint8") => (0.0, 255.0),
            Some("int16") => (-32_768.0, 32_767.0),
            Some("uint32") => (0.0, 4_294_967_295.0),
            _ => (-9e15, 9e15),
        };
        if !(least..=most).contains(&number.round()) {
            return self.refuse(value, &format!("a whole number from {least} to {most}"), pointer);
        }
        if value.is_i64() || value.is_u64() {
            return Fit::Keep;
        }
        if number.fract() != 0.0 {
            self.report.note(pointer, format!("{number} is no whole number: rounded"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is below 9e15")]
        let whole = number.round() as i64;
        *value = json!(whole);
        Fit::Keep
    }
}

/// A condition that never holds.
pub(super) fn never() -> Value {
    json!({"type": "random_chance", "probability": 0.0})
}

fn is_filled(value: &Value) -> bool {
    value.is_string() || value.as_array().is_some_and(|items| !items.is_empty())
}

fn texts(values: &[Value]) -> Vec<&str> {
    values.iter().filter_map(Value::as_str).collect()
}

/// Keys that are known under another name get that name, unless it is there.
fn rename(table: &mut Map<String, Value>, known: &Map<String, Value>) {
    for (other, name) in OTHER_NAMES {
        let is_free = known.contains_key(name) && !known.contains_key(other) && !table.contains_key(name);
        if is_free && let Some(value) = table.remove(other) {
            table.insert(name.to_owned(), value);
        }
    }
}

/// A list of objects by their ids; nothing if one has none, or two have the same.
fn by_id(items: &[Value]) -> Option<Map<String, Value>> {
    let mut table = Map::new();
    for item in items {
        let id = item.get("id")?.as_str()?;
        if table.insert(id.to_owned(), item.clone()).is_some() {
            return None;
        }
    }
    Some(table)
}

/// Days by their names become numbers.
fn name_days(value: &mut Value) {
    for day in value.as_array_mut().into_iter().flatten() {
        let name = day.as_str().map(str::to_lowercase).unwrap_or_default();
        if let Some(number) = DAYS.iter().position(|known| name.starts_with(known)) {
            *day = json!(number);
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}
