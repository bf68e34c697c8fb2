//! A sheet as rows for a terminal of any width.
//!
//! Each row of a stranger's words has a mark of ours before it, so that an answer cannot pass for the next question, and
//! everything in it is visible. A block keeps its text whole, so that a search finds what the rows tear apart.

use std::ops::Range;

use crate::sheet::Item;
use crate::text::{LineFeeds, show, wrap};

/// The columns of a fact's name.
pub(crate) const FACT_COLUMNS: usize = 18;

/// What a block is, for whoever gives each a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name of the sheet.
    Title,
    /// What must not be overlooked.
    Alert,
    /// A heading of ours.
    Heading,
    /// A remark of ours, and what is written small.
    Note,
    /// A question or a part of one.
    Question,
    /// What a stranger answered or was shown.
    Words,
    /// What became of a question without an answer.
    Mark,
}

/// One item, made visible, to be wrapped to any width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// Whether an empty row stands before it.
    pub gap: bool,
    /// What stands before its first row.
    pub first: String,
    /// What stands before each other row; as wide as `first`.
    pub rest: String,
    /// Its text: no control character but line feeds.
    pub text: String,
}

impl Block {
    /// Its rows at `columns`, as byte ranges of its text.
    #[must_use]
    pub fn rows(&self, columns: usize) -> Vec<Range<usize>> {
        wrap(&self.text, columns.saturating_sub(self.first.len()))
    }

    /// What stands before row `number`, counted from 0.
    #[must_use]
    pub fn prefix(&self, number: usize) -> &str {
        if number == 0 { &self.first } else { &self.rest }
    }

    fn new(kind: Kind, first: &str, rest: &str, text: String) -> Self {
        Self {
            kind,
            gap: matches!(kind, Kind::Heading),
            first: first.to_owned(),
            rest: rest.to_owned(),
            text,
        }
    }

    const fn after_gap(mut self, gap: bool) -> Self {
        self.gap = gap;
        self
    }
}

/// The blocks of a sheet.
#[must_use]
pub fn blocks(items: &[Item<'_>]) -> Vec<Block> {
    let mut blocks = Vec::new();
    // Answers to a part stand further in than those to its question.
    let mut indent = "";
    for (at, item) in items.iter().enumerate() {
        if let Some(is_part) = item.insets() {
            indent = if is_part { "  " } else { "" };
        }
        let before = at.checked_sub(1).and_then(|at| items.get(at));
        let behind = items.get(at.saturating_add(1));
        // Questions that were not answered stand close together.
        let is_mark = |item: Option<&Item<'_>>| matches!(item, Some(Item::Mark(_)));
        let gap = !(is_mark(before) && is_mark(behind));
        push(&mut blocks, item, indent, gap);
    }
    blocks
}

fn push(blocks: &mut Vec<Block>, item: &Item<'_>, indent: &str, gap: bool) {
    let own = |text: &str| show(text, LineFeeds::Escaped);
    let lines = |text: &str| show(text, LineFeeds::Kept);
    let both = |kind, prefix: &str, text| Block::new(kind, prefix, prefix, text);
    let block = match item {
        Item::Title(title) => both(Kind::Title, "", own(title)),
        Item::Alert(alert) => both(Kind::Alert, " !! ", own(alert)),
        Item::Heading(heading) => both(Kind::Heading, "== ", own(heading)),
        Item::Fact(name, value) => {
            let name = format!("{:<FACT_COLUMNS$}", own(name));
            let rest = " ".repeat(FACT_COLUMNS);
            Block::new(Kind::Note, &name, &rest, own(value))
        }
        Item::Note(note) => both(Kind::Note, "", own(note)),
        Item::Quote(words) => both(Kind::Words, "  > ", lines(words)),
        Item::Question(number, words) => {
            let number = format!("{number:>2}. ");
            let rest = " ".repeat(number.len());
            Block::new(Kind::Question, &number, &rest, own(words)).after_gap(gap)
        }
        Item::Part(words) => Block::new(Kind::Question, "    - ", "      ", own(words)),
        Item::Said(words) => both(Kind::Words, &format!("    {indent}| "), lines(words)),
        Item::Ticked(words) => {
            let first = format!("    {indent}[x] ");
            let rest = " ".repeat(first.len());
            Block::new(Kind::Words, &first, &rest, own(words))
        }
        Item::Mark(mark) => both(
            Kind::Mark,
            &format!("    {indent}"),
            format!("[{}]", own(mark)),
        ),
        Item::File(number, name, about) => {
            let number = format!("{number:>2}. ");
            let rest = " ".repeat(number.len());
            blocks.push(Block::new(Kind::Words, &number, &rest, own(name)));
            both(Kind::Note, &rest, own(about))
        }
    };
    blocks.push(block);
}

/// The blocks as text, each row of at most `columns` columns and with a line feed behind it.
#[must_use]
pub fn print(blocks: &[Block], columns: usize) -> String {
    // Room enough that growing leaves few copies behind.
    let mut text = String::with_capacity(64 * 1024);
    for block in blocks {
        if block.gap {
            text.push('\n');
        }
        for (number, row) in block.rows(columns).into_iter().enumerate() {
            let row = block.text.get(row).unwrap_or_default();
            let line = [block.prefix(number), row].concat();
            text.push_str(line.trim_end_matches(' '));
            text.push('\n');
        }
    }
    text
}
