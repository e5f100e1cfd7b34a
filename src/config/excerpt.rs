//! The piece of a text that is shown around a place: its line with its neighbours, and of a long line a window.

use std::sync::Arc;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::located::ByteRange;

/// Bytes of a line that are shown whole: a line may be the whole file.
const LINE_MAX: usize = 400;
/// Bytes of a longer one that are shown before a place, of the place, and after it.
const AROUND: usize = 100;

/// A text with its name.
#[derive(Debug)]
pub(super) struct Excerpt {
    pub(super) name: String,
    pub(super) text: Arc<str>,
}

impl Excerpt {
    /// What of a place is marked: in long lines its beginning.
    pub(super) fn marked(&self, span: ByteRange) -> ByteRange {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let end = self.text.floor_char_boundary(span.end.clamp(start, self.text.len()));
        let marked = self.text.get(start..end).unwrap_or_default();
        if !has_long_line(marked) {
            return start..end;
        }
        let first = marked.lines().next().map_or(0, str::len);
        start..self.text.floor_char_boundary(start + first.min(AROUND))
    }
}

fn has_long_line(text: &str) -> bool {
    text.lines().any(|line| line.len() > LINE_MAX)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = self.text.as_bytes().read_span(span, lines_before, lines_after)?;
        let (data, start) = (whole.data(), whole.span().offset());
        let (line, column, count) = (whole.line(), whole.column(), whole.line_count());
        let named = |data, span, line, column| {
            Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, span, line, column, count)) as Box<_>)
        };
        let shown = self.text.get(start..start + data.len()).unwrap_or_default();
        if !has_long_line(shown) {
            return named(data, *whole.span(), line, column);
        }
        let text = &self.text;
        let at = span.offset().min(text.len());
        let own_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let own_end = text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |newline| at + newline);
        let from = text.floor_char_boundary(at.saturating_sub(AROUND).max(own_start));
        let to = text.floor_char_boundary((at + span.len().min(AROUND) + AROUND).min(own_end)).max(from);
        let above = text.get(start..from).map_or(0, |before| before.matches('\n').count());
        let piece = text.get(from..to).unwrap_or_default();
        let column = if lines_before == 0 { column } else { 0 };
        named(piece.as_bytes(), (from, piece.len()).into(), line + above, column)
    }
}
