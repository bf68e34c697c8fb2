//! How the reader looks: a line at the top, the list or a report, a line on what happened, and the keys at the bottom.
//!
//! Nothing is told by colour alone: each kind of row has its own mark. Words of strangers come only out of
//! [`hafan_export`], which made every character visible.

use hafan_export::rows::{Block, Kind};
use hafan_export::text;
use hafan_record::ReasonCode;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::app::{App, Typed, View};
use super::sheet::{Row, Sheet};
use crate::failure::counted;
use crate::list;

const COLUMNS_MIN: u16 = 40;
const ROWS_MIN: u16 = 12;
/// From here on, the list stands beside the report.
const COLUMNS_OF_TWO_PANES: u16 = 120;
const COLUMNS_OF_LIST: u16 = 48;
/// Longer lines are hard to read.
const READING_COLUMNS_MAX: u16 = 100;

const KEYS_LOCKED: &[&str] = &["Enter: unlock", "Esc: leave"];
const KEYS_LIST: &[&str] = &[
    "Up Down: choose",
    "Enter: open",
    "/: search",
    "h: hide",
    "l: lock",
    "?: help",
    "q: leave",
];
const KEYS_READING: &[&str] = &[
    "Up Down Space: move",
    "Esc: list",
    "/: search",
    "h: hide",
    "l: lock",
    "?: help",
    "q: leave",
];
const KEYS_REASON: &[&str] = &["Up Down: choose", "Enter: go on", "Esc: do not open"];
const KEYS_WORDS: &[&str] = &["Enter: record this and open", "Esc: back"];
const KEYS_SEARCH: &[&str] = &["Enter: search", "Esc: do not search"];
const KEYS_TOLD: &[&str] = &[
    "Up Down: move",
    "Enter: go on",
    "h: hide",
    "l: lock",
    "q: leave",
];
const KEYS_HIDDEN: &[&str] = &["h: show again", "l: lock", "q: leave"];

const HELP: &str = "\
Up Down     one line; one report
Space  b    a page on; a page back
Home End    beginning; end
Enter       open the report at >
Esc         back to the list
/           look in open reports
n  N        next place; one before
h           hide the text; show it
l           lock: closes all reports
q           leave: clears the screen

In a report, | and [x] stand before what the person answered, > before what was shown to them. What is in [ ] is ours. !! is what may need a quick answer. Characters that could deceive are shown as codes that begin with a backslash.

That you open a report, and why, is written down before it opens. Nothing of a report is written to the disk.";

const LIST_HEAD: &str = "  REFERENCE       STATE  WEEK      ROUTE     LANG  FLAGS";
const LIST_HEAD_NARROW: &str = "  REFERENCE       STATE  FLAGS";
/// From here on, the list has all of its columns.
const COLUMNS_OF_ALL_FACTS: usize = 65;

/// Draws everything, and tells `app` how many rows there are to move in.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        let small = format!(
            "This window is too small. Make it at least {COLUMNS_MIN} columns wide and {ROWS_MIN} rows high, or leave: hold Ctrl and press C."
        );
        put_text(frame, area, &small, Style::new());
        return;
    }
    let bar = wrap_keys(keys(app), usize::from(area.width));
    let bar_rows = u16::try_from(bar.len()).unwrap_or(1);
    let (top, rest) = cut_top(area, 1);
    let (rest, bottom) = cut_bottom(rest, bar_rows);
    let (body, status) = cut_bottom(rest, 1);
    draw_body(frame, app, body, status);
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    // After the body, which alone knows how many rows there are.
    let head = text::line_cut(&head(app), usize::from(area.width));
    frame.buffer_mut().set_style(top, reversed);
    put_text(frame, top, &head, reversed);
    for (at, row) in (0..).zip(&bar) {
        let area = Rect::new(bottom.x, bottom.y.saturating_add(at), bottom.width, 1);
        frame.buffer_mut().set_style(area, reversed);
        put_text(frame, area, row, reversed);
    }
}

fn draw_body(frame: &mut Frame<'_>, app: &mut App, body: Rect, status: Rect) {
    if app.is_hidden {
        let hidden = "The text is hidden.\n\nPress h to show it again.";
        put_text(frame, inset(body), hidden, Style::new());
        return;
    }
    if !matches!(app.view, View::Locked { .. }) {
        let said = text::line_cut(&app.said, usize::from(status.width));
        put_text(
            frame,
            status,
            &said,
            Style::new().add_modifier(Modifier::BOLD),
        );
    }
    draw_view(frame, app, body, status);
}

fn draw_view(frame: &mut Frame<'_>, app: &mut App, body: Rect, status: Rect) {
    let field = |what: &str, typed: &Typed| format!("{what} {}", typed.as_str());
    match &app.view {
        View::Locked { typed, said } => draw_locked(frame, body, &app.officer, typed, said),
        View::Reason { at, words, said } => {
            draw_reason(frame, body, app, *at, words.as_ref(), said);
        }
        View::Help => app.scroll = put_scrolled(frame, body, HELP, app.scroll),
        View::Told(words) => app.scroll = put_scrolled(frame, body, words, app.scroll),
        View::Search { typed } => {
            let line = field("Look for:", typed);
            draw_field(frame, status, &line);
            draw_panes(frame, app, body);
        }
        View::List | View::Reading => draw_panes(frame, app, body),
    }
}

fn draw_panes(frame: &mut Frame<'_>, app: &mut App, body: Rect) {
    let is_open = app.sheets.contains_key(&app.chosen);
    if body.width >= COLUMNS_OF_TWO_PANES && is_open {
        let list = Rect::new(body.x, body.y, COLUMNS_OF_LIST, body.height);
        let x = list.right().saturating_add(2);
        let rest = Rect::new(x, body.y, body.right().saturating_sub(x), body.height);
        draw_list(frame, app, list);
        draw_sheet(frame, app, rest);
    } else if is_open && !matches!(app.view, View::List) {
        draw_sheet(frame, app, body);
    } else {
        draw_list(frame, app, body);
    }
}

/// What is looked at comes first: a narrow window cuts the rest.
fn head(app: &App) -> String {
    let what = match &app.view {
        View::Locked { .. } => "LOCKED".to_owned(),
        View::List => {
            let open = app.sheets.len();
            let reports = counted(
                u64::try_from(app.entries.len()).unwrap_or(u64::MAX),
                "report",
            );
            format!("{reports}, {open} open")
        }
        View::Reading | View::Search { .. } => seen(app),
        View::Reason { .. } => "REASON".to_owned(),
        View::Help => "HELP".to_owned(),
        View::Told(_) => "MESSAGE".to_owned(),
    };
    format!(" {what}  {} {}  Hafan", app.force, app.officer)
}

/// Which report is read, and how much of it was to be seen.
fn seen(app: &App) -> String {
    let Some(sheet) = app.sheets.get(&app.chosen) else {
        return "SEARCH".to_owned();
    };
    let rows = sheet.rows().len().max(1);
    let seen = sheet.top.saturating_add(app.rows).min(rows);
    let percent = seen.saturating_mul(100) / rows;
    let reference = app.entries.get(app.chosen).map(|e| e.reference.as_str());
    format!("{} {percent}%", reference.unwrap_or_default())
}

fn keys(app: &App) -> &'static [&'static str] {
    if app.is_hidden {
        return KEYS_HIDDEN;
    }
    match &app.view {
        View::Locked { .. } => KEYS_LOCKED,
        View::List => KEYS_LIST,
        View::Reading => KEYS_READING,
        View::Reason { words: None, .. } => KEYS_REASON,
        View::Reason { .. } => KEYS_WORDS,
        View::Search { .. } => KEYS_SEARCH,
        View::Help | View::Told(_) => KEYS_TOLD,
    }
}

/// The keys in as many rows as they take.
fn wrap_keys(keys: &[&str], columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for key in keys {
        let is_full = rows
            .last()
            .is_some_and(|row| row.len() + key.len() + 3 > columns);
        if is_full {
            rows.push(String::new());
        }
        if let Some(row) = rows.last_mut() {
            row.push_str(if row.is_empty() { " " } else { "   " });
            row.push_str(key);
        }
    }
    rows
}

fn draw_locked(frame: &mut Frame<'_>, body: Rect, officer: &str, typed: &Typed, said: &str) {
    let stars = "*".repeat(typed.as_str().chars().count().min(24));
    let words = format!(
        "Locked. Type the passphrase of {officer}, then press Enter. It is shown as stars.\n\nPassphrase: {stars}\n\n{said}"
    );
    put_text(frame, inset(body), &words, Style::new());
}

fn draw_reason(
    frame: &mut Frame<'_>,
    body: Rect,
    app: &App,
    at: usize,
    words: Option<&Typed>,
    said: &str,
) {
    let reference = app.entries.get(app.chosen).map(|e| e.reference.as_str());
    let reference = reference.unwrap_or_default();
    let columns = usize::from(body.width);
    if let Some(typed) = words {
        let code = ReasonCode::ALL
            .get(at)
            .copied()
            .unwrap_or(ReasonCode::Other);
        let meaning = code.meaning();
        let need = if code == ReasonCode::Other {
            "needed"
        } else {
            "you may leave this empty"
        };
        let asked = if said.is_empty() {
            format!("In a few words, with no person's name ({need}):")
        } else {
            said.to_owned()
        };
        let above = format!("Open {reference} for: {code}, {meaning}\n\n{asked}");
        let rows = text::block(&above, 0, columns).lines().count();
        let (top, field) = cut_top(body, u16::try_from(rows).unwrap_or(u16::MAX));
        put_text(frame, top, &above, Style::new());
        // The end of what is typed stays in sight.
        put_scrolled(frame, field, &format!("> {}_", typed.as_str()), usize::MAX);
        return;
    }
    put_text(
        frame,
        body,
        &format!("Why open {reference}? It is recorded."),
        Style::new().add_modifier(Modifier::BOLD),
    );
    let (_, list) = cut_top(body, 1);
    let room = usize::from(list.height).max(1);
    let first = at.saturating_add(1).saturating_sub(room);
    let shown = (1..)
        .zip(ReasonCode::ALL)
        .enumerate()
        .skip(first)
        .take(room);
    for (row, (index, (number, code))) in (0..).zip(shown) {
        let mark = if index == at { '>' } else { ' ' };
        let line = format!("{mark} {number} {:<13}  {}", code.as_str(), code.meaning());
        let line = text::line_cut(&line, columns);
        let style = chosen_style(index == at);
        put_text(
            frame,
            Rect::new(list.x, list.y.saturating_add(row), list.width, 1),
            &line,
            style,
        );
    }
}

fn draw_list(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    if app.entries.is_empty() {
        put_text(
            frame,
            inset(area),
            "No report in this vault yet.",
            Style::new(),
        );
        return;
    }
    let columns = usize::from(area.width);
    let (top, area) = cut_top(area, 1);
    let is_wide = columns >= COLUMNS_OF_ALL_FACTS;
    let head = if is_wide { LIST_HEAD } else { LIST_HEAD_NARROW };
    put_text(frame, top, head, Style::new().add_modifier(Modifier::BOLD));
    let rows = usize::from(area.height);
    app.rows = rows;
    app.list_top = app.list_top.min(app.chosen);
    app.list_top = app
        .list_top
        .max(app.chosen.saturating_add(1).saturating_sub(rows));
    let shown = app.entries.iter().enumerate().skip(app.list_top).take(rows);
    for (row, (at, entry)) in (0..).zip(shown) {
        let is_open = app.sheets.contains_key(&at);
        let line = entry_line(entry, at == app.chosen, is_open, columns);
        let style = chosen_style(at == app.chosen);
        put_text(
            frame,
            Rect::new(area.x, area.y.saturating_add(row), area.width, 1),
            &line,
            style,
        );
    }
}

fn entry_line(entry: &list::Row, is_chosen: bool, is_open: bool, columns: usize) -> String {
    let mark = if is_chosen { '>' } else { ' ' };
    let state = match (is_open, entry.is_read) {
        (true, _) => "open",
        (false, true) => "read",
        (false, false) => "new",
    };
    let about = match &entry.content {
        Ok(content) => {
            let flags = content.flags.join(", ");
            let alert = if flags.is_empty() {
                String::new()
            } else {
                format!("!! {flags}  ")
            };
            let adds_to = entry.adds_to_words();
            if columns >= COLUMNS_OF_ALL_FACTS {
                // The route says already that it adds to something.
                let to = entry.adds_to.as_ref().map(|to| format!("to {to}"));
                let about = format!("{alert}{}", to.or(adds_to).unwrap_or_default());
                format!(
                    "{}  {:<8}  {:<4}  {}",
                    content.week,
                    content.route,
                    content.language,
                    about.trim_end()
                )
            } else {
                // It stands below what it adds to; a whole reference more has no room.
                let adds = if adds_to.is_some() { "adds  " } else { "" };
                format!("{adds}{alert}").trim_end().to_owned()
            }
        }
        Err(why) => format!("NOT OPENED: {why}"),
    };
    text::line_cut(
        &format!("{mark} {:<14}  {state:<5}  {about}", entry.reference),
        columns,
    )
}

fn draw_sheet(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    app.rows = usize::from(area.height);
    let columns = usize::from(area.width.min(READING_COLUMNS_MAX));
    for sheet in app.sheets.values_mut() {
        sheet.lay(columns);
    }
    let found = app.hit.and_then(|at| app.hits.get(at));
    let found = found
        .filter(|(at, _)| *at == app.chosen)
        .map(|(_, hit)| hit);
    let Some(sheet) = app.sheets.get(&app.chosen) else {
        return;
    };
    for (y, row) in (0..area.height).zip(sheet.rows().iter().skip(sheet.top)) {
        let Some(row) = row else { continue };
        let hit = found.filter(|hit| hit.block == row.block);
        let line = sheet_line(sheet, row, hit.map(|hit| &hit.range));
        frame
            .buffer_mut()
            .set_line(area.x, area.y.saturating_add(y), &line, area.width);
    }
}

fn sheet_line<'a>(sheet: &'a Sheet, row: &Row, hit: Option<&std::ops::Range<usize>>) -> Line<'a> {
    let Some(block) = sheet.block(row.block) else {
        return Line::default();
    };
    let style = kind_style(block);
    let mut spans = vec![Span::styled(block.prefix(row.number), style)];
    let (start, end) = (row.range.start, row.range.end);
    let inside = hit.map_or(end..end, |hit| {
        let from = hit.start.clamp(start, end);
        from..hit.end.clamp(from, end)
    });
    let part = |from, to| block.text.get(from..to).unwrap_or_default();
    spans.push(Span::styled(part(start, inside.start), style));
    let marked = style.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED);
    spans.push(Span::styled(part(inside.start, inside.end), marked));
    spans.push(Span::styled(part(inside.end, end), style));
    Line::from(spans)
}

fn kind_style(block: &Block) -> Style {
    let plain = Style::new();
    match block.kind {
        Kind::Title | Kind::Question => plain.add_modifier(Modifier::BOLD),
        Kind::Alert => plain.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        Kind::Heading => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Kind::Note | Kind::Words => plain,
        Kind::Mark => plain.add_modifier(Modifier::ITALIC),
    }
}

fn chosen_style(is_chosen: bool) -> Style {
    if is_chosen {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    } else {
        Style::new()
    }
}

/// A line that is typed into: its end is what stays in sight.
fn draw_field(frame: &mut Frame<'_>, area: Rect, line: &str) {
    let shown = text::line(line);
    let over = text::width(&shown).saturating_sub(usize::from(area.width).saturating_sub(1));
    let shown: String = shown.chars().skip(over).collect();
    put_text(
        frame,
        area,
        &" ".repeat(usize::from(area.width)),
        Style::new(),
    );
    put_text(frame, area, &shown, Style::new());
    let x = u16::try_from(text::width(&shown)).unwrap_or(0);
    let x = area.x.saturating_add(x).min(area.right().saturating_sub(1));
    frame.set_cursor_position(Position::new(x, area.y));
}

/// Our words, and what an officer typed; whatever is in them is made visible.
fn put_text(frame: &mut Frame<'_>, area: Rect, words: &str, style: Style) {
    let shown = text::block(words, 0, usize::from(area.width));
    for (y, row) in (0..area.height).zip(shown.lines()) {
        let line = Line::styled(row, style);
        frame
            .buffer_mut()
            .set_line(area.x, area.y.saturating_add(y), &line, area.width);
    }
}

/// Text that may be longer than its place, from row `top` on; gives the row that it really began at.
fn put_scrolled(frame: &mut Frame<'_>, area: Rect, words: &str, top: usize) -> usize {
    let shown = text::block(words, 0, usize::from(area.width));
    let last = shown
        .lines()
        .count()
        .saturating_sub(usize::from(area.height));
    let top = top.min(last);
    for (y, row) in (0..area.height).zip(shown.lines().skip(top)) {
        let y = area.y.saturating_add(y);
        frame
            .buffer_mut()
            .set_line(area.x, y, &Line::raw(row), area.width);
    }
    top
}

fn inset(area: Rect) -> Rect {
    Rect::new(
        area.x.saturating_add(2),
        area.y.saturating_add(1),
        area.width.saturating_sub(4),
        area.height.saturating_sub(1),
    )
}

fn cut_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let top = Rect::new(area.x, area.y, area.width, rows.min(area.height));
    let rest = Rect::new(
        area.x,
        top.bottom(),
        area.width,
        area.height.saturating_sub(top.height),
    );
    (top, rest)
}

fn cut_bottom(area: Rect, rows: u16) -> (Rect, Rect) {
    let rest = area.height.saturating_sub(rows);
    let top = Rect::new(area.x, area.y, area.width, rest);
    (
        top,
        Rect::new(
            area.x,
            top.bottom(),
            area.width,
            area.height.saturating_sub(rest),
        ),
    )
}
