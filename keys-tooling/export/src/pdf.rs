//! A sheet as a print-ready PDF: A4, text and a rule beside a stranger's words, and nothing that does anything.
//!
//! PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1), both as krilla checks them: tagged for screen readers, its font
//! embedded. The same sheet gives the same bytes. Each character of a stranger's is visible: one that the font lacks or
//! that draws nothing is an escape, as on the terminal.

use std::num::NonZeroU16;

use jiff::civil::Date;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, Tag, TagGroup, TagKind, TagTree,
};
use krilla::{Document, SerializeSettings};
use zeroize::Zeroizing;

use crate::font::Face;
use crate::layout::{FOOT, Faces, LEFT, Look, PAGE, Placed, RIGHT, Weight, lay_out};
use crate::sheet::Item;
use crate::words;
use hafan_report::Language;

/// What a document is, besides its items.
pub struct About<'a> {
    /// Its title, which stands at the foot of each page too.
    pub title: &'a str,
    /// The language of headings and marks.
    pub language: Language,
    /// The language of what was asked and answered.
    pub told_in: Language,
    /// The day that it was made.
    pub made_on: Date,
}

/// Why there is no document. It says nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// The font in this program cannot be read.
    #[error("the font in this program cannot be read")]
    Font,
    /// A page cannot be made.
    #[error("a page of the document cannot be made")]
    Page,
    /// The library refused what was to become of it.
    #[error("the document would not be PDF/A-2a and PDF/UA-1")]
    Form,
}

/// Makes the document.
///
/// # Errors
/// [`PdfError`]; none depends on what a stranger wrote.
pub fn pdf(items: &[Item<'_>], about: &About<'_>) -> Result<Zeroizing<Vec<u8>>, PdfError> {
    let faces = Faces {
        regular: Face::regular().ok_or(PdfError::Font)?,
        bold: Face::bold().ok_or(PdfError::Font)?,
    };
    let placed = lay_out(items, &faces);
    let pages = placed.iter().map(|p| p.page).max().unwrap_or(0);
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|_| PdfError::Form)?;
    let mut document = Document::new_with(SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    });
    let mut tree = Tree::new(items.len());
    let mut rows = placed.iter().peekable();
    for page in 0..=pages {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(PdfError::Page)?;
        let mut sheet = document.start_page_with(settings);
        let mut surface = sheet.surface();
        while let Some(row) = rows.next_if(|row| row.page == page) {
            draw(&mut surface, row, &faces, &mut tree);
        }
        let number = words::page(
            page.saturating_add(1),
            pages.saturating_add(1),
            about.language,
        );
        draw_foot(&mut surface, about.title, &number, &faces);
        surface.finish();
        sheet.finish();
    }
    document.set_outline(outline(items, &placed, about.title));
    document.set_tag_tree(tree.finish(items, about));
    document.set_metadata(metadata(about));
    let bytes = document.finish().map_err(|_| PdfError::Form)?;
    Ok(Zeroizing::new(bytes))
}

fn metadata(about: &About<'_>) -> Metadata {
    let [month, day] =
        [about.made_on.month(), about.made_on.day()].map(|n| u8::try_from(n).unwrap_or(1));
    let year = u16::try_from(about.made_on.year()).unwrap_or(0);
    Metadata::new()
        .title(about.title.to_owned())
        .language(tag_of(about.language).to_owned())
        .creator("hafan-keys".to_owned())
        .creation_date(DateTime::new(year).month(month).day(day))
}

/// A language as BCP 47 names it.
const fn tag_of(language: Language) -> &'static str {
    match language {
        Language::English => "en-GB",
        Language::Welsh => "cy",
    }
}

/// Draws a row, and the rule beside it.
fn draw(surface: &mut Surface<'_>, row: &Placed, faces: &Faces, tree: &mut Tree) {
    if let Some(rule) = row.rule {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
            ArtifactType::Layout,
        )));
        surface.set_fill(Some(grey()));
        let mut path = PathBuilder::new();
        if let Some(rule) = Rect::from_ltrb(rule.x, rule.from, rule.x + 1.5, rule.to) {
            path.push_rect(rule);
        }
        if let Some(path) = path.finish() {
            surface.draw_path(&path);
        }
        surface.end_tagged();
    }
    if row.text.is_empty() {
        return;
    }
    let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
    surface.set_fill(Some(black()));
    draw_text(
        surface,
        &row.text,
        (row.x, row.y),
        row.look,
        faces,
        row.level,
    );
    surface.end_tagged();
    tree.push(row.item, identifier);
}

fn draw_text(
    surface: &mut Surface<'_>,
    text: &str,
    (mut x, y): (f32, f32),
    look: Look,
    faces: &Faces,
    level: unicode_bidi::Level,
) {
    let face = faces.of(look.weight);
    for run in face.runs(text, level) {
        let start = Point::from_xy(x, y);
        surface.draw_glyphs(start, &run.glyphs, face.font(), run.text, look.size, false);
        x += run.width * look.size;
    }
}

/// The title at the left and the page's number at the right.
fn draw_foot(surface: &mut Surface<'_>, title: &str, number: &str, faces: &Faces) {
    let look = Look {
        weight: Weight::Regular,
        size: 8.5,
    };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
        ArtifactType::PaginationOther,
    )));
    surface.set_fill(Some(black()));
    let level = unicode_bidi::Level::ltr();
    draw_text(surface, title, (LEFT, FOOT), look, faces, level);
    let runs = faces.regular.runs(number, level);
    let width: f32 = runs.iter().map(|run| run.width * look.size).sum();
    draw_text(surface, number, (RIGHT - width, FOOT), look, faces, level);
    surface.end_tagged();
}

fn black() -> Fill {
    Fill {
        paint: rgb::Color::new(0, 0, 0).into(),
        ..Fill::default()
    }
}

fn grey() -> Fill {
    Fill {
        paint: rgb::Color::new(110, 110, 110).into(),
        ..Fill::default()
    }
}

/// The headings, each with where it stands.
fn outline(items: &[Item<'_>], placed: &[Placed], title: &str) -> Outline {
    let mut outline = Outline::new();
    let mut last = None;
    for row in placed {
        let is_first = last.replace(row.item) != Some(row.item);
        let text = match items.get(row.item) {
            Some(Item::Title(_)) if is_first => title.to_owned(),
            Some(Item::Heading(text)) if is_first => text.clone(),
            Some(_) | None => continue,
        };
        let at = Point::from_xy(LEFT, row.y - 20.0);
        outline.push_child(OutlineNode::new(text, XyzDestination::new(row.page, at)));
    }
    outline
}

/// What belongs together for a screen reader: the rows of each item, in reading order.
struct Tree(Vec<Vec<Identifier>>);

impl Tree {
    fn new(items: usize) -> Self {
        Self((0..items).map(|_| Vec::new()).collect())
    }

    fn push(&mut self, item: usize, identifier: Identifier) {
        if let Some(rows) = self.0.get_mut(item) {
            rows.push(identifier);
        }
    }

    fn finish(self, items: &[Item<'_>], about: &About<'_>) -> TagTree {
        let language = tag_of(about.language).to_owned();
        let mut tree = TagTree::new().with_lang(Some(language));
        for (item, rows) in items.iter().zip(self.0) {
            let mut group = TagGroup::new(kind(item, about.told_in));
            for row in rows {
                group.push(row);
            }
            if is_quote(item) {
                let mut quote = TagGroup::new(Tag::BlockQuote);
                quote.push(group);
                group = quote;
            }
            tree.push(group);
        }
        tree
    }
}

/// Whether an item is what a stranger said.
pub(crate) const fn is_quote(item: &Item<'_>) -> bool {
    match item {
        Item::Quote(_) | Item::Said(_) | Item::Ticked(_) => true,
        Item::Title(_)
        | Item::Alert(_)
        | Item::Heading(_)
        | Item::Fact(..)
        | Item::Note(_)
        | Item::Question(..)
        | Item::Part(_)
        | Item::Mark(_)
        | Item::File(..) => false,
    }
}

fn kind(item: &Item<'_>, told_in: Language) -> TagKind {
    let told = Some(tag_of(told_in).to_owned());
    let heading = |level: u16, text: &str| {
        let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        Tag::Hn(level, Some(text.to_owned()))
    };
    match item {
        Item::Title(text) => heading(1, text).into(),
        Item::Heading(text) => heading(2, text).into(),
        Item::Question(number, _) => heading(3, &number.to_string()).with_lang(told).into(),
        Item::Quote(_) | Item::Part(_) | Item::Said(_) | Item::Ticked(_) => {
            Tag::P.with_lang(told).into()
        }
        Item::Alert(_) | Item::Fact(..) | Item::Note(_) | Item::Mark(_) | Item::File(..) => {
            Tag::P.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(items: &[Item<'_>]) -> Zeroizing<Vec<u8>> {
        let about = About {
            title: "Report 3f2a-91bc-77d0",
            language: Language::English,
            told_in: Language::Welsh,
            made_on: Date::constant(2026, 11, 24),
        };
        pdf(items, &about).unwrap()
    }

    #[test]
    fn the_same_sheet_gives_the_same_bytes() {
        let items = [
            Item::Title("Report".to_owned()),
            Item::Heading("Told".to_owned()),
            Item::Question(1, "Beth?"),
            Item::Said("dŵr\n\nשלום a مرحبا"),
        ];
        assert_eq!(made(&items), made(&items));
    }

    #[test]
    fn nothing_to_say_is_a_page_too() {
        for items in [vec![], vec![Item::Said("")], vec![Item::Quote("\n\n\n")]] {
            assert!(made(&items).starts_with(b"%PDF-1.7"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever strangers write becomes a document: the library refuses what a screen reader could not say.
        #[test]
        fn any_words_become_a_document(words in any::<String>(), long in "[ a-z\u{590}-\u{6ff}\u{1f300}-\u{1f5ff}]{0,400}") {
            let items = [
                Item::Title("Report".to_owned()),
                Item::Quote(&words),
                Item::Heading("Told".to_owned()),
                Item::Question(1, &words),
                Item::Part(&long),
                Item::Said(&long),
                Item::Ticked(&words),
                Item::File(1, &words, "image/jpeg".to_owned()),
            ];
            prop_assert!(made(&items).starts_with(b"%PDF-1.7"));
        }
    }
}
