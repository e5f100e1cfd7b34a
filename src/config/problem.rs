//! What is wrong with a configuration, as it is shown.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::excerpt::Excerpt;
use super::located::ByteRange;

/// Bytes of a message at most.
const WORDS_MAX: usize = 1_000;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it stands, in bytes of the text.
    pub span: Option<ByteRange>,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: cut(message.into()), help: None, span: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(cut(help.into()));
        self
    }

    /// The same with its place.
    #[must_use]
    pub fn at(mut self, span: Option<ByteRange>) -> Self {
        self.span = span;
        self
    }
}

/// Words that repeat what somebody has written, which may be long.
pub(super) fn cut(mut words: String) -> String {
    if words.len() > WORDS_MAX {
        words.truncate(words.floor_char_boundary(WORDS_MAX));
        words.push('…');
    }
    words
}

/// Everything that is wrong with one source: a file, the environment, the command line.
#[derive(Debug, Clone)]
pub struct SourceProblems {
    /// Name of the source.
    pub name: String,
    /// Its text, with secrets blanked out; nothing if it is no file.
    pub text: Option<Arc<str>>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

impl SourceProblems {
    /// Problems of a text; they are put in its order.
    pub(crate) fn of_text(name: impl Into<String>, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.as_ref().map(|span| (span.start, span.end)));
        problems.dedup();
        Self { name: name.into(), text: Some(text.into()), problems }
    }

    /// Problems of something that has no text.
    pub(crate) fn of(name: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self { name: name.into(), text: None, problems }
    }

    fn diagnostics(&self) -> impl Iterator<Item = Shown<'_>> {
        let source = self.text.as_ref().map(|text| Excerpt { name: self.name.clone(), text: text.clone() });
        let source = source.map(Arc::new);
        self.problems.iter().map(move |problem| Shown { of: self, problem, source: source.clone() })
    }
}

/// A configuration that cannot be used: everything that is wrong with it.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// By source.
    pub sources: Vec<SourceProblems>,
}

impl ConfigError {
    /// How many things are wrong.
    pub fn count(&self) -> usize {
        self.sources.iter().map(|source| source.problems.len()).sum()
    }

    /// Everything with places, snippets and suggestions, for a terminal.
    pub fn render(&self, with_colour: bool) -> String {
        let theme = if with_colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let mut text = String::new();
        for diagnostic in self.sources.iter().flat_map(SourceProblems::diagnostics) {
            // Writing to a String does not fail; a snippet that cannot be drawn leaves the words.
            if handler.render_report(&mut text, &diagnostic).is_err() {
                text.push_str(&diagnostic.to_string());
            }
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.sources.iter().flat_map(SourceProblems::diagnostics);
        for (number, diagnostic) in all.enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            diagnostic.one_line(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

/// One problem as miette shows it.
#[derive(Debug)]
struct Shown<'a> {
    of: &'a SourceProblems,
    problem: &'a Problem,
    source: Option<Arc<Excerpt>>,
}

impl Shown<'_> {
    /// `file:line:column: what is wrong (what to do)`.
    fn one_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of.name)?;
        if let (Some(text), Some(span)) = (&self.of.text, &self.problem.span) {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.problem.message)?;
        match &self.problem.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problem.span.is_some() && self.source.is_some() {
            f.write_str(&self.problem.message)
        } else {
            write!(f, "{}: {}", self.of.name, self.problem.message)
        }
    }
}

impl Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.span.as_ref()?;
        self.source.as_ref().map(|source| source.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.span.clone()?;
        let span = self.source.as_ref()?.marked(span);
        let label = LabeledSpan::new(Some("here".into()), span.start, span.end - span.start);
        Some(Box::new(std::iter::once(label)))
    }
}
