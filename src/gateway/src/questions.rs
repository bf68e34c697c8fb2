//! The question set as the site's build wrote it out (`form.json`), and what follows from what was answered: which pages are asked,
//! which fields are shown, which route was taken, and which force reads it. As `web/src/questions.ts` has it.
//!
//! The file is ours and is checked once, when the program starts; what was answered is a stranger's.

use std::collections::{BTreeMap, BTreeSet};

use hafan_directory::Force;
use hafan_report::{Language, Role, Route};
use serde::Deserialize;
use zeroize::Zeroizing;

/// Why `form.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsError {
    /// Not the JSON that the build writes.
    #[error(
        "form.json is not of the form that this program knows: build site and program from one commit"
    )]
    Json(#[source] serde_json::Error),
    /// Another version.
    #[error("form.json has version {found}, want 1: build site and program from one commit")]
    Version {
        /// What was found.
        found: u8,
    },
    /// A word is missing.
    #[error("form.json lacks the words \"{key}\"")]
    Words {
        /// Their key.
        key: String,
    },
    /// Something that reports are routed by is not there, or not once.
    #[error("form.json: {what}")]
    Shape {
        /// What is wrong.
        what: &'static str,
    },
}

/// All questions, written out, with their words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionSet {
    version: u8,
    pub(crate) set: String,
    pub(crate) forces: Vec<ForceWords>,
    pub(crate) pages: Vec<Page>,
    strings: BTreeMap<String, [String; 2]>,
}

/// A force as the questions name it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForceWords {
    pub(crate) id: String,
    pub(crate) place: Twins,
    pub(crate) promise: PromiseWords,
    triage: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Twins {
    en: String,
    cy: String,
}

impl Twins {
    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Welsh => &self.cy,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromiseWords {
    pub(crate) id: String,
    en: String,
    cy: String,
}

impl PromiseWords {
    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Welsh => &self.cy,
        }
    }
}

/// What is asked together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) id: String,
    pub(crate) base: String,
    pub(crate) kind: PageKind,
    part: String,
    routes: Option<Vec<Route>>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    by_route: Vec<String>,
    when: Option<Condition>,
    pub(crate) role: Option<Role>,
    #[serde(rename = "loop")]
    pub(crate) turn: Option<String>,
    pub(crate) copy: Option<u8>,
    pub(crate) repeats: bool,
    /// Whether it stands in the plain form.
    pub(crate) shown: bool,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PageKind {
    Question,
    /// Chooses what is shown next, and is never in the report.
    Gate,
    Info,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) id: String,
    pub(crate) base: String,
    pub(crate) kind: FieldKind,
    when: Option<Condition>,
    #[serde(default)]
    by_route: Vec<String>,
    #[serde(default)]
    pub(crate) basis: bool,
    pub(crate) row: Option<u8>,
    #[serde(default)]
    pub(crate) sealed: bool,
    pub(crate) options: Vec<Choice>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FieldKind {
    Radios,
    Checkboxes,
    Text,
    Textarea,
    Date,
    Files,
    Forces,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    pub(crate) value: String,
    stem: String,
    pub(crate) route: Option<Route>,
    pub(crate) flag: Option<String>,
    pub(crate) wish: Option<String>,
    #[serde(default)]
    by_route: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Condition {
    Field { field: String, is: Vec<String> },
    Any { any: Vec<Self> },
    All { all: Vec<Self> },
    Not { not: Box<Self> },
}

/// What was given in one field.
pub enum Value {
    /// Own words, or a date as its three parts with slashes between.
    Text(Zeroizing<String>),
    /// The codes of what was chosen, in the order of the options; or the names of files.
    Many(Vec<Zeroizing<String>>),
}

/// What was given, by the field's id.
pub type Given = BTreeMap<String, Value>;

impl Condition {
    fn holds(&self, given: &Given) -> bool {
        match self {
            Self::Field { field, is } => match given.get(field) {
                Some(Value::Text(text)) => is.iter().any(|code| *code == **text),
                Some(Value::Many(codes)) => codes.iter().any(|code| is.contains(code)),
                None => false,
            },
            Self::Any { any } => any.iter().any(|part| part.holds(given)),
            Self::All { all } => all.iter().all(|part| part.holds(given)),
            Self::Not { not } => !not.holds(given),
        }
    }
}

fn holds(condition: Option<&Condition>, given: &Given) -> bool {
    condition.is_none_or(|condition| condition.holds(given))
}

/// Whether something stands in a field; white space alone is nothing.
pub(crate) fn is_given(field: &Field, given: &Given) -> bool {
    match given.get(&field.id) {
        Some(Value::Text(text)) if field.kind == FieldKind::Date => {
            text.split('/').any(|part| !is_blank(part))
        }
        Some(Value::Text(text)) => !is_blank(text),
        Some(Value::Many(many)) => !many.is_empty(),
        None => false,
    }
}

/// White space as ECMAScript's `trim` has it.
fn is_blank(text: &str) -> bool {
    text.chars()
        .all(|c| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}')
}

impl Page {
    /// The fields that are asked with these answers.
    pub(crate) fn shown_fields<'a>(&'a self, given: &'a Given) -> impl Iterator<Item = &'a Field> {
        self.fields
            .iter()
            .filter(|field| holds(field.when.as_ref(), given))
    }

    pub(crate) fn is_answered(&self, given: &Given) -> bool {
        self.shown_fields(given).any(|field| is_given(field, given))
    }

    /// The options that are chosen, in order of asking.
    pub(crate) fn chosen<'a>(&'a self, given: &'a Given) -> impl Iterator<Item = &'a Choice> {
        self.shown_fields(given).flat_map(|field| {
            field
                .options
                .iter()
                .filter(|option| match given.get(&field.id) {
                    Some(Value::Text(code)) => **code == option.value,
                    Some(Value::Many(codes)) => codes.iter().any(|code| **code == option.value),
                    None => false,
                })
        })
    }
}

impl QuestionSet {
    /// Reads `form.json`.
    ///
    /// # Errors
    /// It is another version's, or lacks a word that a report needs.
    pub fn parse(bytes: &[u8]) -> Result<Self, QuestionsError> {
        let set: Self = serde_json::from_slice(bytes).map_err(QuestionsError::Json)?;
        if set.version != 1 {
            return Err(QuestionsError::Version { found: set.version });
        }
        set.check_words()?;
        set.check_shape()?;
        Ok(set)
    }

    fn check_words(&self) -> Result<(), QuestionsError> {
        let mut wanted: BTreeSet<String> = (1..=12)
            .map(|number| format!("form.month.{number}"))
            .collect();
        wanted.extend(["day", "month", "year"].map(|part| format!("form.date.{part}")));
        for page in &self.pages {
            for route in ROUTES {
                if page
                    .routes
                    .as_ref()
                    .is_some_and(|routes| !routes.contains(&route))
                {
                    continue;
                }
                if page.kind != PageKind::Info {
                    wanted.insert(title_key(page, route));
                }
                for field in &page.fields {
                    wanted.insert(label_key(page, field, route));
                    wanted.extend(field.options.iter().map(|option| option_key(option, route)));
                }
            }
        }
        match wanted
            .into_iter()
            .find(|key| !self.strings.contains_key(key))
        {
            Some(key) => Err(QuestionsError::Words { key }),
            None => Ok(()),
        }
    }

    fn check_shape(&self) -> Result<(), QuestionsError> {
        let wrong = |what| Err(QuestionsError::Shape { what });
        let mut ids = BTreeSet::new();
        if !self.fields().all(|field| ids.insert(field.id.as_str())) {
            return wrong("two fields have one id");
        }
        let places = self
            .fields()
            .filter(|field| field.kind == FieldKind::Forces);
        if places.count() != 1 {
            return wrong("want one field that chooses a force");
        }
        if self.forces.iter().filter(|force| force.triage).count() != 1 {
            return wrong("want one force that reads for who is not sure");
        }
        if self
            .forces
            .iter()
            .any(|force| force.id.parse::<Force>().is_err())
        {
            return wrong("a force has no name of a force");
        }
        Ok(())
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pages.iter().flat_map(|page| &page.fields)
    }

    /// The pages that are asked, in order, with these answers.
    pub(crate) fn asked<'a>(&'a self, given: &'a Given) -> impl Iterator<Item = &'a Page> {
        let route = self.route(given);
        self.pages.iter().filter(move |page| {
            page.routes
                .as_ref()
                .is_none_or(|routes| routes.contains(&route))
                && holds(page.when.as_ref(), given)
        })
    }

    pub(crate) fn route(&self, given: &Given) -> Route {
        let chosen = self.pages.iter().flat_map(|page| page.chosen(given));
        chosen
            .filter_map(|option| option.route)
            .next()
            .unwrap_or(Route::Myself)
    }

    /// The force of the place that was chosen, or the one that reads for those who are not sure.
    pub(crate) fn place(&self, given: &Given) -> Option<&ForceWords> {
        let field = self
            .fields()
            .find(|field| field.kind == FieldKind::Forces)?;
        let Some(Value::Text(code)) = given.get(&field.id) else {
            return None;
        };
        let named = self.forces.iter().find(|force| force.id == **code);
        named.or_else(|| self.forces.iter().find(|force| force.triage))
    }

    pub(crate) fn force(&self, id: &str) -> Option<&ForceWords> {
        self.forces.iter().find(|force| force.id == id)
    }

    /// Whether somebody who works for the police is involved.
    pub(crate) fn is_police(&self, given: &Given) -> bool {
        let chosen = self.pages.iter().flat_map(|page| page.chosen(given));
        chosen
            .filter_map(|option| option.flag.as_deref())
            .any(|flag| flag == "police-suspect")
    }

    /// Whether a page without whose answer nothing can be sent is empty.
    #[must_use]
    pub fn lacks_choice(&self, given: &Given) -> bool {
        self.asked(given)
            .any(|page| page.required && !page.is_answered(given))
    }

    /// Whether there is anything but where it goes and what becomes of it.
    #[must_use]
    pub fn has_substance(&self, given: &Given) -> bool {
        self.asked(given)
            .filter(|page| {
                page.kind == PageKind::Question && page.part != "before" && page.part != "start"
            })
            .any(|page| page.is_answered(given))
    }

    pub(crate) fn title(&self, page: &Page, route: Route, language: Language) -> &str {
        self.text(language, &title_key(page, route))
    }

    pub(crate) fn label(
        &self,
        page: &Page,
        field: &Field,
        route: Route,
        language: Language,
    ) -> &str {
        self.text(language, &label_key(page, field, route))
    }

    /// The label of a field, by itself.
    pub(crate) fn label_of(&self, field: &Field, given: &Given, language: Language) -> &str {
        let page = self
            .pages
            .iter()
            .find(|page| page.fields.iter().any(|one| one.id == field.id));
        page.map_or("", |page| {
            self.label(page, field, self.route(given), language)
        })
    }

    /// "Day", "Month" or "Year".
    pub(crate) fn date_part(&self, part: &str, language: Language) -> &str {
        self.text(language, &format!("form.date.{part}"))
    }

    /// The words of a code: an option's label, or the place of a force.
    pub(crate) fn option_words(
        &self,
        field: &Field,
        code: &str,
        route: Route,
        language: Language,
    ) -> &str {
        match field.options.iter().find(|option| option.value == code) {
            Some(option) => self.text(language, &option_key(option, route)),
            None => self
                .force(code)
                .map_or("", |force| force.place.in_language(language)),
        }
    }

    pub(crate) fn month(&self, number: u16, language: Language) -> &str {
        self.text(language, &format!("form.month.{number}"))
    }

    /// Empty for no key of a set that was parsed: `check_words` looked.
    fn text(&self, language: Language, key: &str) -> &str {
        self.strings.get(key).map_or("", |[en, cy]| match language {
            Language::English => en,
            Language::Welsh => cy,
        })
    }
}

const ROUTES: [Route; 4] = [Route::Myself, Route::Other, Route::Witness, Route::Work];

const fn route_word(route: Route) -> &'static str {
    match route {
        Route::Myself => "self",
        Route::Other => "other",
        Route::Witness => "witness",
        Route::Work => "work",
        Route::Addition => "addition",
    }
}

/// The key of words that may differ by route: `q.a1.title`, or `q.a1.title.witness`.
fn key(stem: &str, word: &str, by_route: &[String], route: Route) -> String {
    if by_route.iter().any(|one| one == word) {
        format!("{stem}.{word}.{}", route_word(route))
    } else {
        format!("{stem}.{word}")
    }
}

fn title_key(page: &Page, route: Route) -> String {
    key(&format!("q.{}", page.base), "title", &page.by_route, route)
}

/// The label of a page's main field is the page's title.
fn label_key(page: &Page, field: &Field, route: Route) -> String {
    if field.base == page.base {
        return title_key(page, route);
    }
    key(
        &format!("q.{}", field.base),
        "label",
        &field.by_route,
        route,
    )
}

fn option_key(option: &Choice, route: Route) -> String {
    key(&option.stem, "label", &option.by_route, route)
}
