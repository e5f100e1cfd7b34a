//! Checking a value against a JSON Schema, with words for people: everything at once, and what was probably meant.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::located::{Located, dotted, join};
use super::problem::Problem;
pub(crate) use crate::world::spec::nearest;

/// A difference between a value and its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// JSON pointer of the value.
    pub(crate) pointer: String,
    /// Whether the key is wrong and not its value.
    pub(crate) key: bool,
    /// A short word: the keyword of the schema.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// A schema, ready to check values.
pub(crate) struct Checker {
    schema: Value,
    validator: Validator,
}

impl Checker {
    /// Prepares a schema. One that is none itself is said as a problem.
    pub(crate) fn new(schema: Value) -> Result<Self, Problem> {
        let built = jsonschema::options().should_validate_formats(true).build(&schema);
        let validator = built.map_err(|error| Problem::new(format!("the schema itself is wrong: {error}")))?;
        Ok(Self { schema, validator })
    }

    /// Every difference of a value.
    pub(crate) fn differences(&self, value: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value) {
            self.explain(&error, value, &mut found);
        }
        found
    }

    /// Every difference of a value that has places.
    pub(crate) fn problems(&self, tree: &Located) -> Vec<Problem> {
        let differences = self.differences(&tree.to_json());
        differences.into_iter().map(|difference| place(difference, tree)).collect()
    }

    fn explain(&self, error: &ValidationError<'_>, root: &Value, found: &mut Vec<Difference>) {
        let pointer = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error);
                let present = root.pointer(pointer).and_then(Value::as_object);
                let is_free = |key: &str| !present.is_some_and(|object| object.contains_key(key));
                found.extend(unexpected.iter().map(|key| unknown_key(pointer, key, &known, is_free)));
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.explain_branches(error, context, root, found);
            }
            _ => found.push(self.hide(error, simple(error, pointer))),
        }
    }

    /// A secret is not repeated in what is said about it.
    fn hide(&self, error: &ValidationError<'_>, mut difference: Difference) -> Difference {
        let keyword = error.schema_path().as_str();
        let around = keyword.rsplit_once('/').map_or("", |(around, _)| around);
        let secret = self.schema.pointer(around).and_then(|schema| schema.get("writeOnly")) == Some(&Value::Bool(true));
        if secret {
            difference.message = format!("`{}` has not the form it must have", dotted(&difference.pointer));
            difference.help = Some("write it as a text, in quotes".to_owned());
        }
        difference
    }

    /// Of several shapes the one that the value comes nearest to.
    fn explain_branches(
        &self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
        root: &Value,
        found: &mut Vec<Difference>,
    ) {
        let pointer = error.instance_path().as_str();
        if let Some(names) = only_constants(branches, pointer) {
            found.push(not_in_list(pointer, error.instance(), &names));
            return;
        }
        let is_null = |branch: &&Vec<ValidationError<'static>>| {
            branch.iter().any(
                |error| matches!(error.kind(), ValidationErrorKind::Type { kind } if expected_types(kind) == "null"),
            )
        };
        let depth = |branch: &&Vec<ValidationError<'static>>| {
            let deepest = branch.iter().map(|error| error.instance_path().as_str().len()).max().unwrap_or(0);
            let tag_fits = !branch.iter().any(|error| matches!(error.kind(), ValidationErrorKind::Constant { .. }));
            (tag_fits, deepest, std::cmp::Reverse(branch.len()))
        };
        match branches.iter().filter(|branch| !is_null(branch)).max_by_key(depth) {
            Some(nearest) => nearest.iter().for_each(|error| self.explain(error, root, found)),
            None => found.push(simple(error, pointer)),
        }
    }

    /// The keys that may stand where one is unknown.
    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let keyword = error.schema_path().as_str();
        let around = keyword.rsplit_once('/').map_or("", |(around, _)| around);
        let keys = self.schema.pointer(around).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        keys.map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

fn place(difference: Difference, tree: &Located) -> Problem {
    let span = if difference.key { tree.key_at(&difference.pointer) } else { tree.value_at(&difference.pointer) };
    Problem { message: difference.message, help: difference.help, span }
}

fn unknown_key(pointer: &str, key: &str, known: &[&str], is_free: impl Fn(&str) -> bool) -> Difference {
    let free: Vec<&str> = known.iter().copied().filter(|key| is_free(key)).collect();
    let help = match nearest(key, known.iter().copied()) {
        Some(meant) if is_free(meant) => format!("did you mean `{meant}`?"),
        Some(meant) => format!("`{meant}` is there already: remove this one"),
        None if free.is_empty() => "nothing else can be said here: remove it".to_owned(),
        None => format!("what can be said here: {}", free.join(", ")),
    };
    let help = Some(help);
    let inside = dotted(pointer);
    let message =
        if inside.is_empty() { format!("unknown key `{key}`") } else { format!("unknown key `{key}` in `{inside}`") };
    Difference { pointer: join(pointer, key), key: true, code: "unknown_key".to_owned(), message, help }
}

fn simple(error: &ValidationError<'_>, pointer: &str) -> Difference {
    let name = dotted(pointer);
    let name = if name.is_empty() { "this".to_owned() } else { format!("`{name}`") };
    let value = shown(error.instance());
    let (message, help) = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let inside = if pointer.is_empty() { String::new() } else { format!(" in {name}") };
            (format!("`{key}` is missing{inside}"), None)
        }
        ValidationErrorKind::Type { kind } => {
            let expected = expected_types(kind);
            let help = unquoted(error.instance(), &expected).map(|plain| format!("write {plain} without quotes"));
            (format!("{name} is {}, but must be {}", kind_of(error.instance()), article(&expected)), help)
        }
        ValidationErrorKind::Enum { options } => {
            let names = options.as_array().map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            return not_in_list(pointer, error.instance(), &names.unwrap_or_else(Vec::new));
        }
        ValidationErrorKind::Constant { expected_value } => {
            (format!("{name} is {value}, but must be {}", shown(expected_value)), None)
        }
        ValidationErrorKind::Minimum { limit } => (format!("{name} is {value}: too small"), at_least(limit)),
        ValidationErrorKind::Maximum { limit } => (format!("{name} is {value}: too large"), at_most(limit)),
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            (format!("{name} is {value}: too small"), Some(format!("more than {limit}")))
        }
        ValidationErrorKind::MinLength { .. } => (format!("{name} is too short"), None),
        ValidationErrorKind::MaxLength { limit } => {
            (format!("{name} is too long"), Some(format!("at most {limit} characters")))
        }
        ValidationErrorKind::MinItems { limit } => {
            (format!("{name} has too few entries"), Some(format!("at least {limit}")))
        }
        ValidationErrorKind::MaxItems { limit } => {
            (format!("{name} has too many entries"), Some(format!("at most {limit}")))
        }
        ValidationErrorKind::Format { format } if format == "date-time" => {
            (format!("{name} is {value}, which is no date-time"), Some("write it as 2077-01-15T14:00:00Z".to_owned()))
        }
        ValidationErrorKind::Format { format } => (format!("{name} is {value}, which is no {format}"), None),
        ValidationErrorKind::Pattern { pattern } => {
            (format!("{name} is {value}, which has not the form it must have"), Some(format!("the form is {pattern}")))
        }
        _ => (format!("{name}: {error}"), None),
    };
    Difference { pointer: pointer.to_owned(), key: false, code: error.kind().keyword().to_owned(), message, help }
}

fn at_least(limit: &Value) -> Option<String> {
    Some(format!("at least {}", limit.to_string().trim_end_matches(".0")))
}

fn at_most(limit: &Value) -> Option<String> {
    Some(format!("at most {}", limit.to_string().trim_end_matches(".0")))
}

fn not_in_list(pointer: &str, value: &Value, names: &[String]) -> Difference {
    let list = names.join(", ");
    let meant = value.as_str().and_then(|written| nearest(written, names.iter().map(String::as_str)));
    Difference {
        pointer: pointer.to_owned(),
        key: false,
        code: "enum".to_owned(),
        message: format!("`{}` is {}, which is none of: {list}", dotted(pointer), shown(value)),
        help: meant.map(|meant| format!("did you mean `{meant}`?")),
    }
}

/// The texts of a choice, if all that the branches want is one of some texts.
fn only_constants(branches: &[Vec<ValidationError<'static>>], pointer: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for branch in branches {
        for error in branch {
            match error.kind() {
                _ if error.instance_path().as_str() != pointer => return None,
                ValidationErrorKind::Constant { expected_value } => names.push(expected_value.as_str()?.to_owned()),
                ValidationErrorKind::Enum { options } => {
                    names.extend(options.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                ValidationErrorKind::Type { .. } => {}
                _ => return None,
            }
        }
    }
    if names.is_empty() { None } else { Some(names) }
}

fn expected_types(kind: &TypeKind) -> String {
    let mut wanted = match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.as_str()).collect(),
    };
    if wanted.len() > 1 {
        wanted.retain(|name| *name != "null");
    }
    wanted.join(" or ")
}

fn article(kind: &str) -> String {
    match kind {
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a table of keys and values".to_owned(),
        "null" => "empty".to_owned(),
        other => other.to_owned(),
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => format!("the text {}", shown(value)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table of keys and values".to_owned(),
    }
}

/// The number or truth value that somebody has put in quotes.
fn unquoted(value: &Value, expected: &str) -> Option<String> {
    let text = value.as_str()?;
    let fits = match expected {
        "integer" => text.parse::<i64>().is_ok(),
        "number" => text.parse::<f64>().is_ok(),
        "boolean" => text.parse::<bool>().is_ok(),
        _ => false,
    };
    fits.then(|| text.to_owned())
}

/// A value, short enough for a line.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(schema: Value, value: Value) -> Vec<String> {
        let checker = Checker::new(schema).expect("a schema");
        let told = |d: Difference| format!("{} [{}] {}", d.pointer, d.message, d.help.unwrap_or_default());
        checker.differences(&value).into_iter().map(told).collect()
    }

    #[test]
    fn unknown_keys_bring_a_suggestion() {
        let schema =
            json!({"type": "object", "properties": {"start_at": {}, "client_id": {}}, "additionalProperties": false});
        let told = messages(schema, json!({"startat": 1, "client_id": 2, "zzz": 3}));
        assert_eq!(told[0], "/startat [unknown key `startat`] did you mean `start_at`?");
        assert_eq!(told[1], "/zzz [unknown key `zzz`] what can be said here: start_at");
    }

    #[test]
    fn choices_are_listed_whatever_the_schema_writes_them_with() {
        let with_docs =
            json!({"oneOf": [{"type": "string", "const": "latest"}, {"type": "string", "const": "earliest"}]});
        let plain = json!({"type": ["string", "null"], "enum": ["latest", "earliest", null]});
        for schema in [with_docs, plain] {
            let schema = json!({"properties": {"at": schema}});
            let told = messages(schema, json!({"at": "last"}));
            assert_eq!(told, ["/at [`at` is \"last\", which is none of: latest, earliest] did you mean `latest`?"]);
        }
    }

    #[test]
    fn of_several_shapes_the_nearest_is_explained() {
        let schema = json!({"anyOf": [{"type": "null"}, {"type": "object", "properties": {"n": {"type": "integer", "maximum": 3}}}]});
        assert_eq!(messages(schema, json!({"n": 4})), ["/n [`n` is 4: too large] at most 3"]);
    }

    #[test]
    fn a_number_in_quotes_is_recognised() {
        let told = messages(json!({"properties": {"n": {"type": "integer"}}}), json!({"n": "7"}));
        assert_eq!(told, ["/n [`n` is the text \"7\", but must be a whole number] write 7 without quotes"]);
    }
}
