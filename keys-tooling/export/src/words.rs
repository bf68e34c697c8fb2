//! The words that are ours on a report's sheet, in English and Welsh.
//!
//! What a person told is never translated: only headings, marks and names of flags are here. The Welsh is unreviewed.

use hafan_report::{Basis, Language, Metadata, Role, Route};

/// The two languages of one phrase.
#[derive(Clone, Copy)]
pub struct Phrase {
    en: &'static str,
    cy: &'static str,
}

impl Phrase {
    /// The phrase in one language.
    #[must_use]
    pub const fn of(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Welsh => self.cy,
        }
    }
}

const fn phrase(en: &'static str, cy: &'static str) -> Phrase {
    Phrase { en, cy }
}

pub(crate) const REPORT: Phrase = phrase("Report", "Adroddiad");
pub(crate) const FLAGS: Phrase = phrase(
    "What the person ticked that may need a quick answer",
    "Yr hyn a diciodd y person a allai fod angen ateb cyflym",
);
pub(crate) const WISHES: Phrase = phrase(
    "What they would like to happen",
    "Yr hyn yr hoffent ei weld yn digwydd",
);
pub(crate) const NO_WISHES: Phrase = phrase("not said", "heb ei ddweud");
pub(crate) const ABOUT: Phrase = phrase("About this report", "Am yr adroddiad hwn");
pub(crate) const FORCE: Phrase = phrase("Force", "Heddlu");
pub(crate) const KEY: Phrase = phrase("Key of week", "Allwedd wythnos");
pub(crate) const LOG: Phrase = phrase("Log", "Log");
pub(crate) const ROUTE: Phrase = phrase("Route", "Llwybr");
pub(crate) const LANGUAGE: Phrase = phrase("Language", "Iaith");
pub(crate) const QUESTIONS: Phrase = phrase("Question set", "Set o gwestiynau");
pub(crate) const WRITTEN_ON: Phrase = phrase("Written on", "Ysgrifennwyd ar");
pub(crate) const BY_DEVICE: Phrase = phrase(
    "by the writer's device",
    "yn ôl dyfais y sawl a'i hysgrifennodd",
);
pub(crate) const ADDS_TO: Phrase = phrase("Adds to", "Yn ychwanegu at");
pub(crate) const EARLIER: Phrase =
    phrase("an earlier report, thread", "adroddiad cynharach, edefyn");
pub(crate) const CONTACT: Phrase = phrase("Sealed contact", "Cyswllt dan sêl");
pub(crate) const PROMISE: Phrase = phrase(
    "The promise shown before sending",
    "Yr addewid a ddangoswyd cyn anfon",
);
pub(crate) const TOLD: Phrase = phrase("As asked and answered", "Fel y gofynnwyd ac yr atebwyd");
pub(crate) const TOLD_NOTE: Phrase = phrase(
    "An initial report, not a statement. Questions and answers are as the person saw and gave them. Gaps are normal.",
    "Adroddiad cychwynnol yw hwn, nid datganiad. Mae'r cwestiynau a'r atebion fel y gwelodd ac y rhoddodd y person nhw. Mae bylchau'n normal.",
);
pub(crate) const SKIPPED: Phrase = phrase("skipped", "wedi'i hepgor");
pub(crate) const NOT_REACHED: Phrase =
    phrase("not asked (short route)", "heb ei ofyn (llwybr byr)");
pub(crate) const EMPTY: Phrase = phrase("left empty", "wedi'i adael yn wag");
pub(crate) const WHOLE: Phrase = phrase("In general", "Yn gyffredinol");
pub(crate) const FILES: Phrase = phrase("Files", "Ffeiliau");
pub(crate) const FILES_NOTE: Phrase = phrase(
    "Names and types are what the sender said. No file was opened or previewed.",
    "Yr hyn a ddywedodd yr anfonwr yw'r enwau a'r mathau. Ni chafodd unrhyw ffeil ei hagor na'i rhagweld.",
);
pub(crate) const NONE: Phrase = phrase("none", "dim");
pub(crate) const BYTES: Phrase = phrase("bytes", "beit");
pub(crate) const END: Phrase = phrase("End of the report.", "Diwedd yr adroddiad.");

/// The flags that are known, most urgent first: docs/protocol.md section 2.
const FLAGS_KNOWN: [(&str, Phrase); 6] = [
    (
        "danger",
        phrase("someone may be in danger", "efallai bod rhywun mewn perygl"),
    ),
    ("child", phrase("someone under 18", "rhywun dan 18 oed")),
    (
        "last-7-days",
        phrase("in the last 7 days", "yn y 7 diwrnod diwethaf"),
    ),
    (
        "still-happening",
        phrase(
            "still happening, or may happen again",
            "yn dal i ddigwydd, neu gallai ddigwydd eto",
        ),
    ),
    (
        "police-suspect",
        phrase(
            "involves someone who works for the police",
            "yn ymwneud â rhywun sy'n gweithio i'r heddlu",
        ),
    ),
    (
        "others-at-risk",
        phrase(
            "others could be at risk",
            "gallai pobl eraill fod mewn perygl",
        ),
    ),
];

/// The wishes that are known.
const WISHES_KNOWN: [(&str, Phrase); 6] = [
    (
        "record",
        phrase(
            "keep a record of it, and do no more for now",
            "cadw cofnod ohono, a gwneud dim mwy am y tro",
        ),
    ),
    (
        "talk",
        phrase("talk to a specialist officer", "siarad â swyddog arbenigol"),
    ),
    ("support", phrase("help and support", "help a chymorth")),
    ("investigate", phrase("an investigation", "ymchwiliad")),
    (
        "same-person",
        phrase(
            "be contacted only if someone else reports the same person",
            "cael cysylltiad dim ond os bydd rhywun arall yn riportio'r un person",
        ),
    ),
    ("unsure", phrase("not sure", "ddim yn siŵr")),
];

/// How urgent a flag is: 0 the most, and those that are not known after all that are.
#[must_use]
pub fn urgency(flag: &str) -> usize {
    let known = FLAGS_KNOWN.iter().position(|(code, _)| *code == flag);
    known.unwrap_or(FLAGS_KNOWN.len())
}

/// What a flag means, if it is known.
#[must_use]
pub fn flag(code: &str, language: Language) -> Option<&'static str> {
    meaning(&FLAGS_KNOWN, code, language)
}

/// What a wish means, if it is known.
#[must_use]
pub fn wish(code: &str, language: Language) -> Option<&'static str> {
    meaning(&WISHES_KNOWN, code, language)
}

fn meaning(known: &[(&str, Phrase)], code: &str, language: Language) -> Option<&'static str> {
    let found = known.iter().find(|(known, _)| *known == code);
    found.map(|(_, phrase)| phrase.of(language))
}

/// For whom the person writes.
#[must_use]
pub const fn route(route: Route, language: Language) -> &'static str {
    match route {
        Route::Myself => phrase("about themselves", "amdanyn nhw eu hunain"),
        Route::Other => phrase("about someone else", "am rywun arall"),
        Route::Witness => phrase("as a witness", "fel tyst"),
        Route::Work => phrase("as part of their work", "fel rhan o'u gwaith"),
    }
    .of(language)
}

/// The language that the person wrote in.
#[must_use]
pub const fn language(written: Language, language: Language) -> &'static str {
    match written {
        Language::English => phrase("English", "Saesneg"),
        Language::Welsh => phrase("Welsh", "Cymraeg"),
    }
    .of(language)
}

/// Who somebody is in what happened.
#[must_use]
pub const fn role(role: Role, language: Language) -> &'static str {
    match role {
        Role::Reported => phrase("the person reported", "y person a riportiwyd"),
        Role::Victim => phrase("the person it happened to", "y person y digwyddodd iddo"),
        Role::Witness => phrase("a witness", "tyst"),
        Role::Other => phrase("someone else", "rhywun arall"),
    }
    .of(language)
}

/// How the writer knows of somebody.
#[must_use]
pub const fn basis(basis: Option<Basis>, language: Language) -> &'static str {
    match basis {
        Some(Basis::Known) => phrase("known to the writer", "yn hysbys i'r awdur"),
        Some(Basis::Believed) => {
            phrase("believed by the writer", "yr hyn y mae'r awdur yn ei gredu")
        }
        Some(Basis::Told) => phrase("told to the writer", "yr hyn a ddywedwyd wrth yr awdur"),
        None => phrase(
            "not said how the writer knows",
            "heb ddweud sut mae'r awdur yn gwybod",
        ),
    }
    .of(language)
}

/// What became of a file's metadata.
#[must_use]
pub const fn metadata(metadata: Metadata, language: Language) -> &'static str {
    match metadata {
        Metadata::Kept => phrase("metadata kept", "metadata wedi'i gadw"),
        Metadata::Removed => phrase("metadata removed", "metadata wedi'i dynnu"),
    }
    .of(language)
}

/// What it takes to open a sealed contact.
#[must_use]
pub fn sealed(threshold: u8, shares: usize, language: Language) -> String {
    match language {
        Language::English => format!("sealed: opens with {threshold} of {shares} officers"),
        Language::Welsh => format!("dan sêl: yn agor gyda {threshold} o {shares} swyddog"),
    }
}

/// That something is sealed, and the report says nothing of what it takes.
pub(crate) const SEALED: Phrase = phrase("sealed", "dan sêl");

/// The heading of what is told of one person.
#[must_use]
pub fn person(number: u8, language: Language) -> String {
    match language {
        Language::English => format!("About person {number}"),
        Language::Welsh => format!("Am berson {number}"),
    }
}

/// Where in the log the report stands.
pub(crate) fn leaf(year: u16, index: u64, language: Language) -> String {
    match language {
        Language::English => format!("{year}, leaf {index}"),
        Language::Welsh => format!("{year}, deilen {index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn danger_comes_first_and_what_is_not_known_last() {
        let order = [
            "danger",
            "child",
            "last-7-days",
            "still-happening",
            "police-suspect",
        ];
        for (at, code) in order.iter().enumerate() {
            assert_eq!(urgency(code), at);
        }
        assert!(urgency("others-at-risk") < urgency("of-another-version"));
        assert_eq!(flag("of-another-version", Language::English), None);
    }

    #[test]
    fn the_name_of_every_fact_leaves_room_before_its_value() {
        let facts = [
            FORCE, ROUTE, LANGUAGE, WRITTEN_ON, CONTACT, ADDS_TO, QUESTIONS, KEY, LOG,
        ];
        for fact in facts {
            for language in [Language::English, Language::Welsh] {
                let name = fact.of(language);
                assert!(
                    crate::text::width(name) < crate::rows::FACT_COLUMNS,
                    "{name}"
                );
            }
        }
        for (wish, _) in WISHES_KNOWN {
            assert!(wish.len() < crate::rows::FACT_COLUMNS, "{wish}");
        }
    }

    #[test]
    fn no_phrase_is_the_same_in_both_languages_but_for_the_log() {
        for known in [FLAGS_KNOWN, WISHES_KNOWN] {
            for (_, phrase) in known {
                assert_ne!(phrase.en, phrase.cy);
            }
        }
        assert_eq!(LOG.of(Language::Welsh), "Log");
    }
}
