//! The one place where text that came from strangers becomes text for a terminal.
//!
//! Every answer, file name and question passes through here. A character is shown as itself only when its
//! Unicode general category is on the list in `is_shown`; everything else (C0 and C1 controls, escape,
//! bidirectional controls, zero-width characters, tags, private use, unassigned) is shown as a visible
//! escape such as `\u{202e}`. Must never print; trusts nothing.

use std::ops::Range;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

/// The largest number of combining marks that one character may carry: enough for every living
/// orthography, too few to paint over the lines above and below.
const MARKS_MAX: usize = 4;

/// The widest cluster that is shown as one piece, in columns.
const CLUSTER_COLUMNS_MAX: usize = 2;

/// The fewest columns that text is wrapped to: the longest escape has to fit, since half of one could be taken
/// for something else.
const COLUMNS_MIN: usize = 10;

/// What becomes of a line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFeeds {
    /// It begins a new line.
    Kept,
    /// It is shown as an escape.
    Escaped,
}

/// Shows `text` on one line: a line feed is escaped as well.
#[must_use]
pub fn line(text: &str) -> String {
    show(text, LineFeeds::Escaped)
}

/// Shows at most `columns_max` columns of `text` on one line, with `…` where it was cut.
#[must_use]
pub fn line_cut(text: &str, columns_max: usize) -> String {
    let shown = line(text);
    if width(&shown) <= columns_max {
        return shown;
    }
    let mut cut = String::new();
    let mut columns: usize = 1;
    for piece in pieces(&shown) {
        columns = columns.saturating_add(piece.width());
        if columns > columns_max {
            break;
        }
        cut.push_str(piece);
    }
    cut.push('…');
    cut
}

/// Shows `text` as lines of at most `columns` columns, each after `indent` spaces.
///
/// A line feed begins a new line; lines break at spaces and, where a word is longer than a line,
/// within it, and never within an escape. No line holds more than `columns` columns unless fewer than 10 are
/// left after the indent.
#[must_use]
pub fn block(text: &str, indent: usize, columns: usize) -> String {
    indented(&show(text, LineFeeds::Kept), indent, columns)
}

/// Shows `text` as [`block`] does, and a line feed as an escape.
#[must_use]
pub fn paragraph(text: &str, indent: usize, columns: usize) -> String {
    indented(&line(text), indent, columns)
}

fn indented(shown: &str, indent: usize, columns: usize) -> String {
    let mut lines = String::new();
    for row in wrap(shown, columns.saturating_sub(indent)) {
        let row = shown.get(row).unwrap_or_default();
        if !row.is_empty() {
            lines.extend(std::iter::repeat_n(' ', indent));
            lines.push_str(row);
        }
        lines.push('\n');
    }
    lines
}

/// The columns that `text` takes on a terminal (UAX 11).
#[must_use]
pub fn width(text: &str) -> usize {
    pieces(text).map(UnicodeWidthStr::width).sum()
}

/// Shows `text` with every character visible.
#[must_use]
pub fn show(text: &str, line_feeds: LineFeeds) -> String {
    let mut shown = String::with_capacity(text.len());
    // Marks have to stand on something of the reporter's own, not on our indentation.
    let mut marks_left: usize = 0;
    let mut base = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' && line_feeds == LineFeeds::Kept {
            shown.push(c);
            (base, marks_left) = (None, 0);
        } else if c == '\\' && chars.peek() == Some(&'u') {
            // What was typed as an escape must not look like one of ours.
            push_escape(&mut shown, c);
            (base, marks_left) = (None, 0);
        } else if is_mark(c) {
            if marks_left > 0 && mark_is_shown(c, base) {
                marks_left = marks_left.saturating_sub(1);
                shown.push(c);
            } else {
                push_escape(&mut shown, c);
                (base, marks_left) = (None, 0);
            }
        } else if is_shown(c) {
            shown.push(c);
            (base, marks_left) = (Some(c), MARKS_MAX);
        } else {
            push_escape(&mut shown, c);
            (base, marks_left) = (None, 0);
        }
    }
    shown
}

pub(crate) fn push_escape(shown: &mut String, c: char) {
    shown.extend(c.escape_unicode());
}

fn is_mark(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
    )
}

/// A variation selector is shown only where it does something visible: U+FE0F after an emoji.
fn mark_is_shown(c: char, base: Option<char>) -> bool {
    match c {
        '\u{fe0f}' => base.is_some_and(|b| {
            matches!(b, '#' | '*' | '0'..='9')
                || b.general_category() == GeneralCategory::OtherSymbol
        }),
        // Marks that draw nothing: combining grapheme joiner, Khmer inherent vowels, Mongolian and
        // other variation selectors.
        '\u{034f}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{e0100}'..='\u{e01ef}' => false,
        _ => true,
    }
}

/// The allow-list. Marks are judged apart, in [`mark_is_shown`].
fn is_shown(c: char) -> bool {
    // Letters and symbols that draw nothing: Hangul fillers, the empty Braille pattern.
    if matches!(
        c,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
    ) {
        return false;
    }
    match c.general_category() {
        GeneralCategory::UppercaseLetter
        | GeneralCategory::LowercaseLetter
        | GeneralCategory::TitlecaseLetter
        | GeneralCategory::ModifierLetter
        | GeneralCategory::OtherLetter
        | GeneralCategory::DecimalNumber
        | GeneralCategory::LetterNumber
        | GeneralCategory::OtherNumber
        | GeneralCategory::ConnectorPunctuation
        | GeneralCategory::DashPunctuation
        | GeneralCategory::OpenPunctuation
        | GeneralCategory::ClosePunctuation
        | GeneralCategory::InitialPunctuation
        | GeneralCategory::FinalPunctuation
        | GeneralCategory::OtherPunctuation
        | GeneralCategory::MathSymbol
        | GeneralCategory::CurrencySymbol
        | GeneralCategory::ModifierSymbol
        | GeneralCategory::OtherSymbol
        | GeneralCategory::SpaceSeparator => true,
        GeneralCategory::NonspacingMark
        | GeneralCategory::SpacingMark
        | GeneralCategory::EnclosingMark
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator
        | GeneralCategory::Control
        | GeneralCategory::Format
        | GeneralCategory::Surrogate
        | GeneralCategory::PrivateUse
        | GeneralCategory::Unassigned => false,
    }
}

/// Breaks shown text into rows of at most `room` columns (never fewer than 10): byte ranges of `shown`, in order.
///
/// A line feed begins a new row and belongs to none; neither do the spaces at a row's end.
#[must_use]
pub fn wrap(shown: &str, room: usize) -> Vec<Range<usize>> {
    wrap_by(shown, room.max(COLUMNS_MIN), &width)
}

/// Breaks shown text as [`wrap`] does, where `measure` gives the room that a piece of it takes.
pub(crate) fn wrap_by(
    shown: &str,
    room: usize,
    measure: &impl Fn(&str) -> usize,
) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut at: usize = 0;
    for line in shown.split('\n') {
        wrap_line(line, at, room, measure, &mut rows);
        at = at.saturating_add(line.len()).saturating_add(1);
    }
    for row in &mut rows {
        let text = shown.get(row.clone()).unwrap_or_default();
        row.end = row.start.saturating_add(text.trim_end_matches(' ').len());
    }
    rows
}

fn wrap_line(
    line: &str,
    mut at: usize,
    room: usize,
    measure: &impl Fn(&str) -> usize,
    rows: &mut Vec<Range<usize>>,
) {
    let mut row = at..at;
    let mut used: usize = 0;
    for word in line.split_inclusive(' ') {
        let needed = measure(word.trim_end_matches(' '));
        if used > 0 && used.saturating_add(needed) > room {
            rows.push(std::mem::replace(&mut row, at..at));
            used = 0;
        }
        // A word that is longer than a row is torn; the space behind any word may stand beyond the room.
        let torn = if needed > room { word } else { "" };
        for piece in pieces(torn) {
            let wide = measure(piece);
            if used > 0 && used.saturating_add(wide) > room {
                rows.push(std::mem::replace(&mut row, at..at));
                used = 0;
            }
            at = at.saturating_add(piece.len());
            row.end = at;
            used = used.saturating_add(wide);
        }
        if torn.is_empty() {
            at = at.saturating_add(word.len());
            row.end = at;
            used = used.saturating_add(measure(word));
        }
    }
    rows.push(row);
}

/// The pieces of shown text that are never torn apart: characters with their marks, and whole escapes.
///
/// A cluster that joins many letters is not one piece: nothing wider than two columns is, but an escape.
pub fn pieces(shown: &str) -> impl Iterator<Item = &str> {
    let mut rest = shown;
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at_checked(piece_size(rest)?)?;
        rest = behind;
        Some(piece)
    })
}

fn piece_size(rest: &str) -> Option<usize> {
    if let Some(size) = escape_size(rest) {
        return Some(size);
    }
    let cluster = rest.graphemes(true).next()?;
    if cluster.width() <= CLUSTER_COLUMNS_MAX {
        return Some(cluster.len());
    }
    let mut chars = cluster.chars();
    let base = chars.next().map_or(0, char::len_utf8);
    let marks: usize = chars.take_while(|c| is_mark(*c)).map(char::len_utf8).sum();
    Some(base.saturating_add(marks))
}

/// The length of the escape at the front of `rest`.
fn escape_size(rest: &str) -> Option<usize> {
    let end = match rest.as_bytes() {
        [b'\\', b'u', b'{', ..] => rest.find('}'),
        [b'[', b'U', b'+', ..] => rest.find(']'),
        _ => None,
    };
    end.map(|at| at.saturating_add(1))
        .filter(|size| *size <= COLUMNS_MIN)
}

#[cfg(test)]
mod tests {
    use super::{block, line, line_cut, width};

    #[test]
    fn plain_welsh_and_emoji_are_shown_as_they_are() {
        for text in [
            "He followed me home.",
            "Rhoddodd ei law ar fy mraich; ŵyr, tŷ, môr, naïf.",
            "שלום עולם",
            "مرحبا",
            "我很害怕",
            "👍 ❤\u{fe0f} 🏴",
            "e\u{301}",
            "100 % – “quoted” £5 \\o/",
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn everything_that_steers_a_terminal_is_escaped() {
        let hostile = [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{90}q\u{9c}", "\\u{90}q\\u{9c}"),
            ("a\rb", "a\\u{d}b"),
            ("a\u{8}b", "a\\u{8}b"),
            ("a\tb", "a\\u{9}b"),
            ("a\u{0}b", "a\\u{0}b"),
            ("a\u{7f}b", "a\\u{7f}b"),
            ("a\nb", "a\\u{a}b"),
            ("a\u{85}b", "a\\u{85}b"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
        ];
        for (text, shown) in hostile {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn every_control_format_private_and_unassigned_character_is_escaped() {
        use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
        for c in '\0'..=char::MAX {
            let shown = line(&format!("a{c}b"));
            if c.general_category_group() == GeneralCategoryGroup::Other {
                assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
            }
            assert!(!shown.chars().any(|s| {
                s.general_category_group() == GeneralCategoryGroup::Other || s == '\u{2028}'
            }));
        }
    }

    #[test]
    fn bidirectional_zero_width_and_tag_characters_are_escaped() {
        for c in ('\u{200b}'..='\u{200f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2060}'..='\u{206f}')
            .chain('\u{e0000}'..='\u{e007f}')
            .chain([
                '\u{61c}', '\u{ad}', '\u{feff}', '\u{fff9}', '\u{180e}', '\u{3164}', '\u{2800}',
            ])
        {
            assert_eq!(
                line(&format!("x{c}")),
                format!("x\\u{{{:x}}}", u32::from(c))
            );
        }
    }

    #[test]
    fn marks_are_capped_and_never_stand_on_our_own_text() {
        let tower = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(line(&tower).matches('\u{301}').count(), 4);
        assert_eq!(line(&tower).matches("\\u{301}").count(), 46);
        assert_eq!(line("\u{301}a"), "\\u{301}a");
        assert_eq!(line("a\u{fe0f}"), "a\\u{fe0f}");
        assert_eq!(line("a\u{34f}"), "a\\u{34f}");
        assert_eq!(line("a\u{200b}\u{301}"), "a\\u{200b}\\u{301}");
    }

    #[test]
    fn a_typed_escape_does_not_look_like_ours() {
        assert_eq!(line("\\u{202e}"), "\\u{5c}u{202e}");
        assert_eq!(line("C:\\temp"), "C:\\temp");
    }

    #[test]
    fn a_block_keeps_paragraphs_and_no_row_is_too_wide() {
        let text = "one two three four\n\nfive 我很害怕我很害怕 sixseveneightnineten\u{1b}[31m";
        let shown = block(text, 2, 14);
        assert!(shown.lines().all(|row| width(row) <= 14), "{shown}");
        assert!(
            shown
                .lines()
                .all(|row| row.is_empty() || row.starts_with("  "))
        );
        assert!(shown.contains("\n\n"));
        assert!(!shown.contains('\u{1b}'));
        let joined: String = shown.split_whitespace().collect();
        let wanted: String = text
            .replace('\u{1b}', "\\u{1b}")
            .split_whitespace()
            .collect();
        assert_eq!(joined, wanted);
    }

    #[test]
    fn a_cut_line_says_so_and_keeps_to_its_columns() {
        assert_eq!(line_cut("abcdef", 6), "abcdef");
        assert_eq!(line_cut("abcdefg", 6), "abcde…");
        assert!(width(&line_cut("我很害怕我很害怕", 7)) <= 7);
    }

    #[test]
    fn thirty_thousand_characters_without_a_space_wrap() {
        let shown = block(&"x".repeat(30_000), 0, 80);
        assert_eq!(shown.lines().count(), 375);
    }
}
