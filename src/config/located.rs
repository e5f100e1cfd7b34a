//! Values that know where in their file they stand.

use std::ops::Range;

use serde_json::{Map, Value};

/// Bytes of a file.
pub(crate) type ByteRange = Range<usize>;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Located {
    /// Where the value stands, if the file's reader can tell.
    pub(crate) span: Option<ByteRange>,
    pub(crate) node: Node,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Keys in the order of the file.
    Map(Vec<Entry>),
    List(Vec<Located>),
    Scalar(Value),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Option<ByteRange>,
    pub(crate) value: Located,
}

impl Located {
    /// The value alone.
    pub(crate) fn to_json(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Node::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Where the value at a JSON pointer stands, or the nearest one around it.
    pub(crate) fn value_at(&self, pointer: &str) -> Option<ByteRange> {
        let (entry, value) = self.descend(pointer);
        value.span.clone().or_else(|| entry.and_then(|entry| entry.key_span.clone()))
    }

    /// Where the key of the value at a JSON pointer stands; without one, the value.
    pub(crate) fn key_at(&self, pointer: &str) -> Option<ByteRange> {
        let (entry, value) = self.descend(pointer);
        entry.and_then(|entry| entry.key_span.clone()).or_else(|| value.span.clone())
    }

    fn descend(&self, pointer: &str) -> (Option<&Entry>, &Self) {
        let (mut entry, mut value) = (None, self);
        for segment in pointer.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            let next = match &value.node {
                Node::Map(entries) => entries.iter().find(|entry| entry.key == name).map(|e| (Some(e), &e.value)),
                Node::List(items) => name.parse::<usize>().ok().and_then(|i| items.get(i)).map(|item| (None, item)),
                Node::Scalar(_) => None,
            };
            match next {
                Some((found, inner)) => (entry, value) = (found, inner),
                None => break,
            }
        }
        (entry, value)
    }
}

/// A JSON pointer with one name more.
pub(crate) fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A JSON pointer as people write it: `kafka.start_at`, `roles[2].name`.
pub(crate) fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{name}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_written_as_people_do() {
        assert_eq!(dotted("/kafka/start_at"), "kafka.start_at");
        assert_eq!(dotted("/economy/roles/2/name"), "economy.roles[2].name");
        assert_eq!(join("/a", "b/c~d"), "/a/b~1c~0d");
        assert_eq!(dotted("/a/b~1c~0d"), "a.b/c~d");
    }
}
