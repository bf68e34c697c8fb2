//! Where each row of a document stands on its page.
//!
//! Lengths are points of 1/72 inch, from the upper left corner. A heading or question never stands alone at the foot of a
//! page.

use unicode_bidi::Level;

use crate::font::{Face, direction};
use crate::sheet::Item;
use crate::text::{LineFeeds, show, wrap_by};

/// A4, ISO 216.
pub(crate) const PAGE: (f32, f32) = (595.28, 841.89);
/// Where text begins.
pub(crate) const LEFT: f32 = 62.0;
/// Where it ends.
pub(crate) const RIGHT: f32 = 539.0;
/// Where the foot's text stands.
pub(crate) const FOOT: f32 = 806.0;
const TOP: f32 = 62.0;
const BOTTOM: f32 = 776.0;
/// Where the values of facts begin.
const VALUES: f32 = 176.0;
/// Row height as a multiple of the type size.
const LEADING: f32 = 1.38;
/// What is kept free below a question on its page, and below a heading, which a question may follow.
const KEPT: f32 = 44.0;
const KEPT_BELOW_HEADING: f32 = 100.0;

/// The weight of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// How a row looks.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) weight: Weight,
    /// Type size in points.
    pub(crate) size: f32,
}

/// Both weights.
pub(crate) struct Faces {
    pub(crate) regular: Face,
    pub(crate) bold: Face,
}

impl Faces {
    pub(crate) const fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

/// A line from top to bottom.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) x: f32,
    pub(crate) from: f32,
    pub(crate) to: f32,
}

/// A row on its page.
pub(crate) struct Placed {
    /// From 0.
    pub(crate) page: usize,
    pub(crate) x: f32,
    /// Of the line that its letters stand on.
    pub(crate) y: f32,
    pub(crate) look: Look,
    pub(crate) text: String,
    /// The direction of its paragraph.
    pub(crate) level: Level,
    /// What stands beside it.
    pub(crate) rule: Option<Rule>,
    /// Which item it is of.
    pub(crate) item: usize,
}

/// How an item is set.
struct Setting {
    look: Look,
    /// What stands before the text.
    before: String,
    text: String,
    /// Columns from the left.
    indent: f32,
    /// Room above.
    above: f32,
    has_rule: bool,
    /// What has to be free below it on the same page; 0 where it may be torn.
    kept: f32,
}

/// Places every item; the rows are in reading order.
pub(crate) fn lay_out(items: &[Item<'_>], faces: &Faces) -> Vec<Placed> {
    let mut layout = Layout {
        faces,
        placed: Vec::new(),
        page: 0,
        y: TOP,
        item: 0,
    };
    let mut inset = 0.0;
    for (at, item) in items.iter().enumerate() {
        layout.item = at;
        if let Some(is_part) = item.insets() {
            inset = if is_part { 14.0 } else { 0.0 };
        }
        layout.item(item, inset);
    }
    layout.placed
}

struct Layout<'a> {
    faces: &'a Faces,
    placed: Vec<Placed>,
    page: usize,
    y: f32,
    item: usize,
}

impl Layout<'_> {
    fn item(&mut self, item: &Item<'_>, inset: f32) {
        let line = |text: &str| show(text, LineFeeds::Escaped);
        let lines = |text: &str| show(text, LineFeeds::Kept);
        match item {
            Item::Title(text) => {
                self.set(&Setting::bold(17.0, line(text)).keeping(KEPT_BELOW_HEADING));
            }
            Item::Alert(text) => {
                self.set(&Setting::bold(10.5, line(text)).behind("!!  ").at(10.0, 2.0));
            }
            Item::Heading(text) => {
                self.set(
                    &Setting::bold(13.0, line(text))
                        .at(0.0, 16.0)
                        .keeping(KEPT_BELOW_HEADING),
                );
            }
            Item::Fact(name, value) => self.fact(&line(name), &line(value)),
            Item::Note(text) => self.set(&Setting::regular(9.0, line(text)).at(0.0, 3.0)),
            Item::Quote(text) => {
                self.set(&Setting::regular(10.0, lines(text)).at(18.0, 4.0).ruled());
            }
            Item::Question(number, text) => {
                let number = format!("{number}.  ");
                self.set(
                    &Setting::bold(10.5, line(text))
                        .behind(&number)
                        .at(0.0, 11.0)
                        .keeping(KEPT),
                );
            }
            Item::Part(text) => {
                self.set(&Setting::bold(9.5, line(text)).at(18.0, 6.0).keeping(KEPT));
            }
            Item::Said(text) => {
                let setting = Setting::regular(10.5, lines(text));
                self.set(&setting.at(28.0 + inset, 3.0).ruled());
            }
            Item::Ticked(text) => {
                let setting = Setting::regular(10.5, line(text)).behind("[x]  ");
                self.set(&setting.at(28.0 + inset, 2.0).ruled());
            }
            Item::Mark(text) => {
                let text = format!("[{}]", line(text));
                self.set(&Setting::regular(9.0, text).at(20.0 + inset, 2.0));
            }
            Item::File(number, name, about) => {
                let number = format!("{number}.  ");
                let name = Setting::regular(10.5, line(name)).behind(&number);
                self.set(&name.at(28.0, 6.0).ruled().keeping(KEPT));
                self.set(&Setting::regular(9.0, line(about)).at(28.0, 1.0));
            }
        }
    }

    /// A name, and its value in a column of its own, or below when the name is long.
    fn fact(&mut self, name: &str, value: &str) {
        let look = Look {
            weight: Weight::Bold,
            size: 9.0,
        };
        let face = self.faces.of(look.weight);
        let width = length(face.measure(name), look.size);
        let name = Setting::bold(look.size, name.to_owned())
            .at(0.0, 4.0)
            .keeping(KEPT);
        let value = Setting::regular(look.size, value.to_owned()).at(VALUES - LEFT, 0.0);
        self.set(&name);
        if width + 8.0 < VALUES - LEFT {
            // On the same line as the name.
            self.y -= look.size * LEADING;
        }
        self.set(&value);
    }

    fn set(&mut self, setting: &Setting) {
        let faces = self.faces;
        let (look, face) = (setting.look, faces.of(setting.look.weight));
        let height = look.size * LEADING;
        let text = face.cover(&setting.text);
        let x = LEFT + setting.indent;
        let from = x + length(face.measure(&setting.before), look.size);
        let room = units(RIGHT - from, look.size);
        let rows = wrap_by(&text, room, &|piece| face.measure(piece));
        if self.y > TOP {
            self.y += setting.above;
        }
        let together = if setting.kept > 0.0 {
            height * count(rows.len()) + setting.kept
        } else {
            height
        };
        if self.y > TOP && self.y + together > BOTTOM {
            self.turn();
        }
        let mut level = Level::ltr();
        for (number, row) in rows.into_iter().enumerate() {
            if self.y + height > BOTTOM {
                self.turn();
            }
            let (done, rest) = text.split_at_checked(row.start).unwrap_or_default();
            if done.is_empty() || done.ends_with('\n') {
                level = direction(rest.split('\n').next().unwrap_or_default());
            }
            let mut shown = text.get(row.clone()).unwrap_or_default().to_owned();
            let wide = length(face.measure(&shown), look.size);
            // Whoever copies or hears the text needs the space at which it was broken.
            if text
                .get(row.end..)
                .is_some_and(|rest| rest.starts_with(' '))
            {
                shown.push(' ');
            }
            let rule = setting.has_rule.then_some(Rule {
                x: x - 8.0,
                from: self.y,
                to: self.y + height,
            });
            if number == 0 && !setting.before.is_empty() {
                self.place(x, look, (setting.before.clone(), Level::ltr()), None);
            }
            let at = if level.is_rtl() { RIGHT - wide } else { from };
            self.place(at, look, (shown, level), rule);
            self.y += height;
        }
    }

    /// Places a row whose upper edge is where the page has come to.
    fn place(&mut self, x: f32, look: Look, (text, level): (String, Level), rule: Option<Rule>) {
        self.placed.push(Placed {
            page: self.page,
            x,
            y: self.y + look.size * 1.08,
            look,
            text,
            level,
            rule,
            item: self.item,
        });
    }

    fn turn(&mut self) {
        self.page = self.page.saturating_add(1);
        self.y = TOP;
    }
}

impl Setting {
    const fn of(weight: Weight, size: f32, text: String) -> Self {
        Self {
            look: Look { weight, size },
            before: String::new(),
            text,
            indent: 0.0,
            above: 0.0,
            has_rule: false,
            kept: 0.0,
        }
    }

    const fn bold(size: f32, text: String) -> Self {
        Self::of(Weight::Bold, size, text)
    }

    const fn regular(size: f32, text: String) -> Self {
        Self::of(Weight::Regular, size, text)
    }

    fn behind(mut self, before: &str) -> Self {
        before.clone_into(&mut self.before);
        self
    }

    const fn at(mut self, indent: f32, above: f32) -> Self {
        (self.indent, self.above) = (indent, above);
        self
    }

    const fn ruled(mut self) -> Self {
        self.has_rule = true;
        self
    }

    const fn keeping(mut self, kept: f32) -> Self {
        self.kept = kept;
        self
    }
}

/// A measured width in points.
fn length(width: usize, size: f32) -> f32 {
    count(width) * size / 1000.0
}

/// Points as a measured width, rounded down.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` keeps a number of any size within usize"
)]
fn units(points: f32, size: f32) -> usize {
    (points * 1000.0 / size) as usize
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "what fits on a page is far below 2^24, which f32 holds exactly"
)]
const fn count(number: usize) -> f32 {
    number as f32
}
