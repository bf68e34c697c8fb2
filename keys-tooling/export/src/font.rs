//! The two faces of the print-ready document: which characters they have, how wide text is, which glyphs stand where.
//!
//! Shaping is rustybuzz, reading order of mixed scripts is UAX 9 by unicode-bidi, the font is `DejaVu` Sans.

use std::collections::BTreeSet;
use std::ops::Range;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};

use crate::text::push_escape;

/// Units of a measured width: thousandths of the type size.
const UNITS: f32 = 1000.0;

/// A weight of the font.
pub(crate) struct Face {
    font: Font,
    shaper: rustybuzz::Face<'static>,
}

/// Text of one direction, as glyphs from left to right.
pub(crate) struct Run<'a> {
    pub(crate) text: &'a str,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    /// In parts of the type size.
    pub(crate) width: f32,
}

impl Face {
    /// The regular weight.
    pub(crate) fn regular() -> Option<Self> {
        Self::of(dejavu::sans::regular())
    }

    /// The bold weight.
    pub(crate) fn bold() -> Option<Self> {
        Self::of(dejavu::sans::bold())
    }

    fn of(file: &'static [u8]) -> Option<Self> {
        Some(Self {
            font: Font::new(file.into(), 0)?,
            shaper: rustybuzz::Face::from_slice(file, 0)?,
        })
    }

    /// The font as the document embeds it.
    pub(crate) fn font(&self) -> Font {
        self.font.clone()
    }

    /// Shown text with an escape for each character that this face cannot draw.
    pub(crate) fn cover(&self, shown: &str) -> String {
        let mut covered = String::with_capacity(shown.len());
        for c in shown.chars() {
            if c == '\n' || self.shaper.glyph_index(c).is_some() {
                covered.push(c);
            } else {
                push_escape(&mut covered, c);
            }
        }
        covered
    }

    /// How wide text of one row is, in thousandths of the type size.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` keeps a number of any size within usize, and a width is not below zero"
    )]
    pub(crate) fn measure(&self, text: &str) -> usize {
        let width: f32 = self.runs(text, Level::ltr()).iter().map(|r| r.width).sum();
        (width * UNITS).ceil() as usize
    }

    /// The runs of one row from left to right, where `level` is the direction of its paragraph.
    pub(crate) fn runs<'a>(&self, row: &'a str, level: Level) -> Vec<Run<'a>> {
        if row.is_ascii() {
            return vec![self.shape(row, Direction::LeftToRight)];
        }
        let bidi = BidiInfo::new(row, Some(level));
        let mut runs = Vec::new();
        for paragraph in &bidi.paragraphs {
            let (levels, ranges) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for range in ranges {
                let is_rtl = levels.get(range.start).is_some_and(Level::is_rtl);
                let direction = match is_rtl {
                    true => Direction::RightToLeft,
                    false => Direction::LeftToRight,
                };
                runs.push(self.shape(row.get(range).unwrap_or_default(), direction));
            }
        }
        runs
    }

    fn shape<'a>(&self, text: &'a str, direction: Direction) -> Run<'a> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(direction);
        let shaped = rustybuzz::shape(&self.shaper, &[], buffer);
        let infos = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        let starts: BTreeSet<usize> = infos.clone().map(|(info, _)| start(info)).collect();
        let glyphs: Vec<KrillaGlyph> = infos
            .map(|(info, position)| {
                let glyph = GlyphId::new(info.glyph_id);
                let [x, dx, dy, y] = [
                    position.x_advance,
                    position.x_offset,
                    position.y_offset,
                    position.y_advance,
                ]
                .map(|units| self.scale(units));
                KrillaGlyph::new(glyph, x, dx, dy, y, cluster(&starts, info, text), None)
            })
            .collect();
        let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Run {
            text,
            glyphs,
            width,
        }
    }

    /// Font units as parts of the type size.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "font units are small whole numbers, which f32 holds exactly"
    )]
    fn scale(&self, units: i32) -> f32 {
        units as f32 / self.font.units_per_em()
    }
}

/// Where the cluster of a glyph begins in its text, in bytes.
fn start(info: &rustybuzz::GlyphInfo) -> usize {
    usize::try_from(info.cluster).unwrap_or(usize::MAX)
}

/// The bytes of `text` that a glyph stands for.
fn cluster(starts: &BTreeSet<usize>, info: &rustybuzz::GlyphInfo, text: &str) -> Range<usize> {
    let from = start(info);
    let next = starts.range(from.saturating_add(1)..).next();
    from..next.copied().unwrap_or(text.len())
}

/// The direction of a paragraph: that of its first strong character.
pub(crate) fn direction(text: &str) -> Level {
    if text.is_ascii() {
        return Level::ltr();
    }
    let bidi = BidiInfo::new(text, None);
    bidi.paragraphs.first().map_or(Level::ltr(), |p| p.level)
}
