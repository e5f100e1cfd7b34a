//! What is found in a world file: errors, which refuse it, and warnings, which do not.

use std::fmt;

use garde::{Error, Path, Report};

/// Findings that are told at most; what comes after them is left out.
const FINDINGS_MAX: usize = 200;
/// Names that a wrong one is compared with at most.
const COMPARED_MAX: usize = 2_000;

/// Something in a world file that is allowed but hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecWarning {
    /// JSON pointer of the value.
    pub pointer: String,
    /// What is odd about it, and why.
    pub message: String,
}

/// Something in a world file that no world can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFault {
    /// JSON pointer of the value.
    pub pointer: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for SpecFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&at(&self.pointer, &self.message))
    }
}

/// What is said of a place; of all of it, where there is none.
pub(super) fn at(pointer: &str, message: &str) -> String {
    if pointer.is_empty() { message.to_owned() } else { format!("{pointer}: {message}") }
}

/// A number as people write it: not in hundreds of digits.
pub(crate) fn plain(value: f64) -> String {
    let size = value.abs();
    if size > 0.0 && !(1e-6..1e15).contains(&size) { format!("{value:e}") } else { value.to_string() }
}

/// A place in a world file: a JSON pointer that is being built.
#[derive(Debug, Clone)]
pub(super) struct Place(String);

impl Place {
    /// A section of the file.
    pub(super) fn section(name: &str) -> Self {
        Self(String::new()).key(name)
    }

    /// The value of a key.
    pub(super) fn key(&self, name: &str) -> Self {
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    /// An entry of a list.
    pub(super) fn at(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }
}

/// Whether a letter gives an order to who shows it instead of being shown: control characters, and those that turn the
/// direction of what follows (embeddings, overrides and isolates), so that a text reads as another than it is.
pub(crate) fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<(Place, String)>,
    warnings: Vec<SpecWarning>,
    /// Whether there is more of something than there may be.
    flooded: bool,
}

impl Findings {
    /// Something that refuses the file.
    pub(super) fn error(&mut self, place: &Place, message: impl Into<String>) {
        if self.errors.len() < FINDINGS_MAX {
            self.errors.push((place.clone(), message.into()));
        }
    }

    /// Something that is odd.
    pub(super) fn warn(&mut self, place: &Place, message: impl Into<String>) {
        if self.warnings.len() < FINDINGS_MAX {
            self.warnings.push(SpecWarning { pointer: place.0.clone(), message: message.into() });
        }
    }

    /// A name that nothing bears, with the one that was probably meant.
    pub(super) fn unknown<'a>(
        &mut self,
        place: &Place,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        if self.errors.len() < FINDINGS_MAX {
            self.error(place, unknown_message(kind, name, known));
        }
    }

    /// As [`Findings::unknown`], where it need not be wrong.
    pub(super) fn doubtful<'a>(
        &mut self,
        place: &Place,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        if self.warnings.len() < FINDINGS_MAX {
            self.warn(place, unknown_message(kind, name, known));
        }
    }

    /// A number between two bounds, both included; what is no number is refused.
    pub(super) fn between(&mut self, place: &Place, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            self.error(place, format!("{} is outside {low} to {high}", plain(value)));
        }
    }

    /// A list or table that is not too long.
    pub(super) fn at_most(&mut self, place: &Place, count: usize, most: usize) {
        if count > most {
            self.flooded = true;
            self.error(place, format!("there are {count}; it takes at most {most}"));
        }
    }

    /// A name that people and machines can write: 1 to 128 characters, no control characters.
    pub(super) fn name(&mut self, place: &Place, name: &str) {
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(is_control) {
            self.error(place, "a name has 1 to 128 characters, none of them a control character");
        }
    }

    /// Whether there is so much of something that it is better not read any further.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded
    }

    /// What another reader has found wrong, but for what has been told already: of the same value, of one in it, or of
    /// the one that it is in.
    pub(super) fn add(&mut self, faults: Vec<SpecFault>) {
        let told = self.errors.len();
        let inside = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
        for SpecFault { pointer, message } in faults {
            let known = self.errors.iter().take(told).map(|(place, _)| place.0.as_str());
            if !known.into_iter().any(|known| known == pointer || inside(known, &pointer) || inside(&pointer, known)) {
                self.error(&Place(pointer), message);
            }
        }
    }

    /// The errors.
    pub(super) fn into_faults(self) -> Vec<SpecFault> {
        self.errors.into_iter().map(|(place, message)| SpecFault { pointer: place.0, message }).collect()
    }

    /// The errors: pointers and messages.
    pub(super) fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|(place, message)| (place.0.as_str(), message.as_str()))
    }

    /// The warnings alone.
    pub(super) fn into_warnings(self) -> Vec<SpecWarning> {
        self.warnings
    }

    /// The errors, as garde reports them.
    pub(super) fn report(self, root: &Path, report: &mut Report) {
        for (place, message) in self.errors {
            let mut path = root.clone();
            for segment in place.0.split('/').skip(1) {
                let name = segment.replace("~1", "/").replace("~0", "~");
                path = match name.parse::<usize>() {
                    Ok(index) => path.join(index),
                    Err(_) => path.join(name),
                };
            }
            report.append(path, Error::new(message));
        }
    }
}

fn unknown_message<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = nearest(name, known.clone().take(COMPARED_MAX)) {
        return format!("there is no {kind} `{name}`: did you mean `{meant}`?");
    }
    let mut rest = known;
    let some: Vec<&str> = rest.by_ref().take(8).collect();
    match (some.is_empty(), rest.next()) {
        (true, _) => format!("there is no {kind} `{name}`: there is none at all"),
        (false, None) => format!("there is no {kind} `{name}`: there are {}", some.join(", ")),
        (false, Some(_)) => format!("there is no {kind} `{name}`: there are {}, …", some.join(", ")),
    }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.chars().take(128).collect::<String>().to_lowercase().replace(['_', '-'], "");
    let written = plain(written);
    let scored = known.map(|name| (strsim::jaro_winkler(&written, &plain(name)), name));
    let likely = scored.filter(|(score, _)| *score > 0.8);
    likely.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_suggested_or_what_there_is_listed() {
        let known = ["sleep", "work", "eat"];
        let told = |name: &str| unknown_message("activity", name, known.into_iter());
        assert_eq!(told("slep"), "there is no activity `slep`: did you mean `sleep`?");
        assert_eq!(told("zzz"), "there is no activity `zzz`: there are sleep, work, eat");
        assert!(unknown_message("place", "x", std::iter::empty()).ends_with("none at all"));
    }

    #[test]
    fn numbers_are_short_and_what_is_said_of_everything_has_no_place() {
        assert_eq!([0.0, 0.5, -3.0, 1e-300, 1e300].map(plain), ["0", "0.5", "-3", "1e-300", "1e300"]);
        assert_eq!((at("", "wrong"), at("/a", "wrong")), ("wrong".into(), "/a: wrong".into()));
    }

    #[test]
    fn a_flood_of_errors_is_bounded_and_places_are_pointers() {
        let mut findings = Findings::default();
        for number in 0..10_000 {
            findings.error(&Place::section("npcs").key("a/b").at(number), "wrong");
        }
        let mut report = Report::new();
        findings.report(&Path::empty(), &mut report);
        assert_eq!(report.iter().count(), FINDINGS_MAX);
        assert_eq!(report.iter().next().expect("one").0.to_string(), "npcs.a/b[0]");
    }
}
