//! An opened report: its blocks, their rows at a width, and what a search finds in them.
//!
//! Holds text that is already made visible, and nothing else of the report. Wiped when dropped.

use std::ops::Range;

use hafan_export::rows::Block;
use zeroize::Zeroize as _;

/// Where one row comes from.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) block: usize,
    /// Which of the block's rows, counted from 0.
    pub(super) number: usize,
    /// Its bytes of the block's text.
    pub(super) range: Range<usize>,
}

/// A place that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) block: usize,
    pub(super) range: Range<usize>,
}

pub(super) struct Sheet {
    blocks: Vec<Block>,
    /// The rows at `columns`; `None` is an empty one.
    rows: Vec<Option<Row>>,
    columns: usize,
    /// The first row that is shown.
    pub(super) top: usize,
}

impl Sheet {
    pub(super) const fn new(blocks: Vec<Block>) -> Self {
        Self {
            blocks,
            rows: Vec::new(),
            columns: 0,
            top: 0,
        }
    }

    pub(super) fn block(&self, at: usize) -> Option<&Block> {
        self.blocks.get(at)
    }

    pub(super) fn rows(&self) -> &[Option<Row>] {
        &self.rows
    }

    /// Wraps to `columns`, and keeps the same words at the top.
    pub(super) fn lay(&mut self, columns: usize) {
        if self.columns == columns {
            return;
        }
        let seen = self.rows.iter().skip(self.top).find_map(Clone::clone);
        self.columns = columns;
        self.rows.clear();
        for (block, content) in self.blocks.iter().enumerate() {
            if content.gap {
                self.rows.push(None);
            }
            for (number, range) in content.rows(columns).into_iter().enumerate() {
                self.rows.push(Some(Row {
                    block,
                    number,
                    range,
                }));
            }
        }
        self.top = seen.map_or(0, |row| self.row_of(row.block, row.range.start));
    }

    /// The row in which a byte of a block stands.
    pub(super) fn row_of(&self, block: usize, byte: usize) -> usize {
        let is_past = |row: &Option<Row>| {
            row.as_ref().is_some_and(|row| {
                row.block > block || (row.block == block && row.range.start > byte)
            })
        };
        let past = self.rows.iter().position(is_past);
        let before = past.unwrap_or(self.rows.len());
        let mut rows = self.rows.iter().take(before);
        rows.rposition(Option::is_some).unwrap_or(0)
    }

    /// Every place of `words`, capitals or not.
    pub(super) fn find(&self, words: &str) -> Vec<Hit> {
        let wanted: Vec<char> = words.chars().flat_map(char::to_lowercase).collect();
        let mut hits = Vec::new();
        if wanted.is_empty() {
            return hits;
        }
        for (block, content) in self.blocks.iter().enumerate() {
            let mut after = 0;
            for (start, _) in content.text.char_indices() {
                let rest = content.text.get(start..).unwrap_or_default();
                if start < after {
                    continue;
                }
                if let Some(size) = begins(rest, &wanted) {
                    after = start.saturating_add(size);
                    hits.push(Hit {
                        block,
                        range: start..after,
                    });
                }
            }
        }
        hits
    }
}

/// How many bytes of `text` are `wanted`, if it begins so. A line's end counts as a space.
fn begins(text: &str, wanted: &[char]) -> Option<usize> {
    let mut left = wanted.iter();
    let mut size: usize = 0;
    for c in text.chars() {
        if left.len() == 0 {
            break;
        }
        let c = if c == '\n' { ' ' } else { c };
        size = size.saturating_add(c.len_utf8());
        if !c.to_lowercase().all(|c| left.next() == Some(&c)) {
            return None;
        }
    }
    (left.len() == 0).then_some(size)
}

impl Drop for Sheet {
    fn drop(&mut self) {
        for block in &mut self.blocks {
            block.text.zeroize();
        }
    }
}
