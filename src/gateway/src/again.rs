//! What somebody wrote, given back to who asked for it before sending: docs/decisions/0002.
//!
//! A page of the build is cut at its marks, and what was written stands between: own words only as the text of a `textarea`, codes only as
//! the values of hidden fields. No word of a stranger comes into an attribute, a tag or a script; there is no template.

use hafan_report::Language;

use crate::questions::{Field, FieldKind, Given, QuestionSet, Value};

const GIVEN: &str = "<!--given-->";
/// Around each question that has to be answered; taken out where it was.
const ASK: (&str, &str) = ("<!--ask ", "<!--/ask-->");
const DATE_PARTS: [&str; 3] = ["day", "month", "year"];

/// The page with what was given in it. `None` when the page has no place for it.
pub(crate) fn page(
    shell: &str,
    set: &QuestionSet,
    given: &Given,
    language: Language,
) -> Option<String> {
    let (before, after) = shell.split_once(GIVEN)?;
    let mut page = String::with_capacity(shell.len() + room(given));
    page.push_str(before);
    for field in set.fields() {
        if let Some(value) = given.get(&field.id) {
            write_field(&mut page, set, given, field, value, language);
        }
    }
    push_unasked(&mut page, after, given)?;
    Some(page)
}

/// As much as all of it can become: so that the text never moves, and leaves no copy behind.
fn room(given: &Given) -> usize {
    let size = |value: &Value| match value {
        Value::Text(text) => 4096 + 6 * text.len(),
        Value::Many(many) => 512 + many.iter().map(|one| 256 + 6 * one.len()).sum::<usize>(),
    };
    given.values().map(size).sum()
}

/// Copies the rest of the page without the questions that were answered.
fn push_unasked(page: &mut String, mut rest: &str, given: &Given) -> Option<()> {
    while let Some((before, after)) = rest.split_once(ASK.0) {
        page.push_str(before);
        let (id, after) = after.split_once("-->")?;
        let (question, after) = after.split_once(ASK.1)?;
        if !given.contains_key(id) {
            page.push_str(question);
        }
        rest = after;
    }
    page.push_str(rest);
    Some(())
}

fn write_field(
    page: &mut String,
    set: &QuestionSet,
    given: &Given,
    field: &Field,
    value: &Value,
    language: Language,
) {
    let label = set.label_of(field, given, language);
    match (field.kind, value) {
        (FieldKind::Text | FieldKind::Textarea, Value::Text(text)) => {
            write_words(page, &field.id, label, text);
        }
        (FieldKind::Date, Value::Text(written)) => {
            for (part, text) in DATE_PARTS.iter().zip(written.split('/')) {
                let label = format!("{label} ({})", set.date_part(part, language));
                write_words(page, &format!("{}-{part}", field.id), &label, text);
            }
        }
        (FieldKind::Radios | FieldKind::Forces, Value::Text(code)) => {
            write_code(page, &field.id, code);
        }
        (FieldKind::Checkboxes, Value::Many(codes)) => {
            for code in codes {
                write_code(page, &field.id, code);
            }
        }
        // Files cannot be put into a form by anybody but the person.
        (FieldKind::Files, _)
        | (FieldKind::Checkboxes, Value::Text(_))
        | (
            FieldKind::Text
            | FieldKind::Textarea
            | FieldKind::Date
            | FieldKind::Radios
            | FieldKind::Forces,
            Value::Many(_),
        ) => {}
    }
}

fn write_words(page: &mut String, name: &str, label: &str, text: &str) {
    page.push_str("<div class=\"govuk-form-group\"><label class=\"govuk-label\" for=\"");
    escape(page, name);
    page.push_str("\">");
    escape(page, label);
    page.push_str("</label><textarea class=\"govuk-textarea\" rows=\"4\" autocomplete=\"off\" autocorrect=\"off\" autocapitalize=\"off\" spellcheck=\"false\" translate=\"no\" dir=\"auto\" id=\"");
    escape(page, name);
    page.push_str("\" name=\"");
    escape(page, name);
    // The first line feed after the tag is not part of the text.
    page.push_str("\">\n");
    escape(page, text);
    page.push_str("</textarea></div>\n");
}

fn write_code(page: &mut String, name: &str, code: &str) {
    page.push_str("<input type=\"hidden\" autocomplete=\"off\" name=\"");
    escape(page, name);
    page.push_str("\" value=\"");
    escape(page, code);
    page.push_str("\">\n");
}

/// Every character that HTML could take for something else than text, as its number; what no text may hold, as U+FFFD.
pub(crate) fn escape(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&#38;"),
            '<' => page.push_str("&#60;"),
            '>' => page.push_str("&#62;"),
            '"' => page.push_str("&#34;"),
            '\'' => page.push_str("&#39;"),
            '`' => page.push_str("&#96;"),
            '=' => page.push_str("&#61;"),
            '\r' => page.push_str("&#13;"),
            '\0' => page.push('\u{fffd}'),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, push_unasked};
    use crate::questions::{Given, Value};

    #[test]
    fn no_character_can_leave_the_text_that_it_stands_in() {
        for character in '\0'..=char::MAX {
            let mut page = String::new();
            escape(&mut page, &character.to_string());
            let is_plain = !page.contains(['<', '>', '"', '\'', '`', '=', '\0', '\r']);
            assert!(is_plain, "{character:?}");
            match page
                .strip_prefix("&#")
                .and_then(|rest| rest.strip_suffix(';'))
            {
                Some(number) => assert_eq!(number.parse(), Ok(u32::from(character))),
                None if character == '\0' => assert_eq!(page, "\u{fffd}"),
                None => assert!(page == character.to_string() && character != '&'),
            }
        }
    }

    #[test]
    fn what_was_answered_is_not_asked_again() {
        let given = Given::from([("r1".to_owned(), Value::Text("self".to_owned().into()))]);
        let mut page = String::new();
        let rest = "a<!--ask r1-->b<!--/ask-->c<!--ask r2-->d<!--/ask-->e";
        assert_eq!(push_unasked(&mut page, rest, &given), Some(()));
        assert_eq!(page, "acde");
    }
}
