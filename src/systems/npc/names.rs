//! Names of the world file and their numbers.

use std::collections::BTreeMap;

/// Names in a fixed order; the number of a name is its place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    names: Vec<Box<str>>,
    numbers: BTreeMap<Box<str>, u16>,
}

impl Names {
    /// Names in the order in which they come; a second mention changes nothing. More than 65,535 are left out.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for name in names {
            all.add(name);
        }
        all
    }

    /// Adds a name, or finds it. Nothing where there are 65,535 already.
    pub fn add(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.find(name) {
            return Some(number);
        }
        let number = u16::try_from(self.names.len()).ok().filter(|number| *number < u16::MAX)?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }

    /// The number of a name.
    pub fn find(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub fn name(&self, number: u16) -> Option<&str> {
        self.names.get(usize::from(number)).map(AsRef::as_ref)
    }

    /// All names in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> + '_ {
        self.names.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The number of a name, or a sentence that says what it is not and which name is nearest.
    ///
    /// # Errors
    /// When there is no such name.
    pub fn require(&self, what: &str, name: &str) -> Result<u16, String> {
        self.find(name).ok_or_else(|| unknown(what, name, self.iter()))
    }
}

/// The sentence about a name that is not known.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let shown: String = name.chars().take(80).collect();
    match nearest(name, known) {
        Some(near) => format!("there is no {what} `{shown}`; did you mean `{near}`?"),
        None => format!("there is no {what} `{shown}`"),
    }
}

/// The known name that is most like this one, if one is at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let shown: String = name.chars().take(80).collect();
    let allowed = (shown.chars().count() / 3).max(1);
    let near = known.into_iter().map(|other| (distance(&shown, other), other));
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, other)| other)
}

/// How many letters must be put in, taken out or replaced to come from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(120).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = corner + usize::from(!letter.eq_ignore_ascii_case(other));
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_told_with_the_nearest() {
        let names = Names::new(["sleep", "work", "eat_out"]);
        assert_eq!(names.require("activity", "work"), Ok(1));
        assert_eq!(
            names.require("activity", "slep"),
            Err("there is no activity `slep`; did you mean `sleep`?".to_owned())
        );
        assert_eq!(names.require("activity", "fly"), Err("there is no activity `fly`".to_owned()));
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("a", "")), (3, 2, 1));
    }
}
