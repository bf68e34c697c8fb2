//! The words that are ours on a report's sheet, in English and Welsh.
//!
//! What a person told is never translated: only headings, marks and names of flags are here. The Welsh is unreviewed.

use hafan_record::ReasonCode;
use hafan_report::{Basis, Language, MessageState, Metadata, Role, Route};

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
pub(crate) const ANSWERS: Phrase = phrase("Can be answered", "Gellir ei ateb");
pub(crate) const WAY_BACK: Phrase = phrase(
    "yes, in writing: sent with words",
    "gellir, yn ysgrifenedig: anfonwyd gyda geiriau",
);
pub(crate) const NO_WAY_BACK: Phrase =
    phrase("no: sent without words", "na ellir: anfonwyd heb eiriau");
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
        Route::Addition => phrase(
            "adding to what they sent before",
            "yn ychwanegu at yr hyn a anfonwyd ganddynt o'r blaen",
        ),
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

/// Why an officer opens or exports a report.
#[must_use]
pub const fn reason(code: ReasonCode, language: Language) -> &'static str {
    let welsh = match code {
        ReasonCode::FirstReading => "y golwg cyntaf ar adroddiad a ddaeth i mewn",
        ReasonCode::Safeguarding => "efallai bod rhywun mewn perygl nawr",
        ReasonCode::Investigation => "gwaith ar ymchwiliad",
        ReasonCode::Disclosure => "datgelu i'r erlyniad neu i lys",
        ReasonCode::Asked => "gofynnodd y person a riportiodd amdano",
        ReasonCode::Review => "adolygiad gan oruchwyliwr",
        ReasonCode::Audit => "arolygiad neu archwiliad",
        ReasonCode::Exercise => "prawf neu ymarfer, gydag adroddiadau a wnaed ar ei gyfer",
        ReasonCode::Other => "dim un o'r rhain; dywedwch mewn geiriau pa un",
    };
    match language {
        Language::English => code.meaning(),
        Language::Welsh => welsh,
    }
}

pub(crate) const TOLD_TO_THEM: Phrase =
    phrase("What was told to them", "Yr hyn a ddywedwyd wrthynt");
pub(crate) const IN_OUTBOX: Phrase = phrase("in the outbox", "yn y blwch allan");
pub(crate) const GIVEN_OUT: Phrase = phrase("given out on", "rhyddhawyd ar");
pub(crate) const NO_WORDS: Phrase =
    phrase("the words cannot be shown", "ni ellir dangos y geiriau");

/// What a message tells.
#[must_use]
pub const fn message_state(state: MessageState, language: Language) -> &'static str {
    match state {
        MessageState::Collected => phrase(
            "told that it was collected",
            "dywedwyd ei fod wedi'i gasglu",
        ),
        MessageState::Read => phrase("told that it was read", "dywedwyd ei fod wedi'i ddarllen"),
        MessageState::Replied => phrase("answered", "atebwyd"),
    }
    .of(language)
}

/// How many reports and messages a thread has.
#[must_use]
pub fn thread(additions: usize, messages: usize, language: Language) -> String {
    match language {
        Language::English => format!("Additions: {additions}. Messages to the person: {messages}."),
        Language::Welsh => format!("Ychwanegiadau: {additions}. Negeseuon i'r person: {messages}."),
    }
}

/// How many leaves a checkpoint counts.
pub(crate) fn leaves(size: u64, language: Language) -> String {
    match language {
        Language::English => format!("the log's first {size} leaves"),
        Language::Welsh => format!("{size} deilen gyntaf y log"),
    }
}

pub(crate) const CONTINUITY: Phrase =
    phrase("Continuity sheet, report", "Taflen barhad, adroddiad");
pub(crate) const CONTINUITY_NOTE: Phrase = phrase(
    "What this package is, where it comes from, and who had it. Whoever hands it on fills in a line below.",
    "Beth yw'r pecyn hwn, o ble mae'n dod, a phwy fu'n ei ddal. Mae'r sawl sy'n ei drosglwyddo yn llenwi llinell isod.",
);
pub(crate) const WHO: Phrase = phrase("Who exported it, and why", "Pwy a'i hallforiodd, a pham");
pub(crate) const EXPORTED_BY: Phrase = phrase("Exported by", "Allforiwyd gan");
pub(crate) const SIGNS_AS: Phrase = phrase("Signs as", "Yn llofnodi fel");
pub(crate) const EXPORTED_ON: Phrase = phrase("Exported on", "Allforiwyd ar");
pub(crate) const REASON: Phrase = phrase("Reason", "Rheswm");
pub(crate) const IN_WORDS: Phrase = phrase("In words", "Mewn geiriau");
pub(crate) const PROGRAM: Phrase = phrase("Program", "Rhaglen");
pub(crate) const FROM: Phrase = phrase("Where it comes from", "O ble mae'n dod");
pub(crate) const DIGEST: Phrase = phrase("Its h in the log", "Ei h yn y log");
pub(crate) const LEAF: Phrase = phrase("Leaf", "Deilen");
pub(crate) const CHECKPOINT: Phrase = phrase("Proven within", "Wedi'i brofi o fewn");
pub(crate) const IMPORTED_ON: Phrase = phrase("Imported on", "Mewnforiwyd ar");
pub(crate) const SEALED_DIGEST: Phrase = phrase("Sealed, SHA-256", "Dan sêl, SHA-256");
pub(crate) const IN_PACKAGE: Phrase = phrase("What is in the package", "Beth sydd yn y pecyn");
pub(crate) const SENT_FILES: Phrase =
    phrase("Files that the person sent", "Ffeiliau a anfonodd y person");
pub(crate) const SENT_FILES_NOTE: Phrase = phrase(
    "They come from a stranger and were not opened. Open them only on a machine kept for that.",
    "Maent yn dod oddi wrth ddieithryn ac ni chawsant eu hagor. Agorwch nhw ar beiriant a gedwir at hynny yn unig.",
);
pub(crate) const FOUND: Phrase = phrase("by its first bytes", "yn ôl ei beitiau cyntaf");
pub(crate) const UNKNOWN: Phrase = phrase("not known", "ddim yn hysbys");
pub(crate) const EMPTY_FILE: Phrase = phrase("empty", "gwag");
pub(crate) const OTHER_KIND: Phrase = phrase(
    "not what its name says, or not a picture, recording, PDF or text",
    "nid yr hyn a ddywed ei enw, neu nid llun, recordiad, PDF na thestun",
);
pub(crate) const ACTIVE: Phrase = phrase(
    "can run or hold a program",
    "gall redeg neu gynnwys rhaglen",
);
pub(crate) const ARCHIVE: Phrase = phrase(
    "an archive, not unpacked: what is in it can be far larger",
    "archif, heb ei dadbacio: gall yr hyn sydd ynddi fod yn llawer mwy",
);
pub(crate) const CHECK: Phrase = phrase("How anybody checks it", "Sut mae unrhyw un yn ei wirio");
pub(crate) const CHECK_STEPS: [Phrase; 4] = [
    phrase(
        "1. In this folder: sha256sum -c SHA256SUMS. Every line ends in OK, or a file was changed.",
        "1. Yn y ffolder hon: sha256sum -c SHA256SUMS. Mae pob llinell yn gorffen gydag OK, neu newidiwyd ffeil.",
    ),
    phrase(
        "2. access-record.json is the entry of the force's access record that was signed when this was exported: it names the SHA-256 of SHA256SUMS.",
        "2. access-record.json yw'r cofnod yng nghofnod mynediad yr heddlu a lofnodwyd pan allforiwyd hwn: mae'n enwi SHA-256 y ffeil SHA256SUMS.",
    ),
    phrase(
        "3. original/leaf.tlog-proof proves that the sealed report stands in the public log, by a checkpoint that the log signed (C2SP tlog-proof).",
        "3. Mae original/leaf.tlog-proof yn profi bod yr adroddiad dan sêl yn y log cyhoeddus, trwy bwynt gwirio a lofnododd y log (C2SP tlog-proof).",
    ),
    phrase(
        "4. original/envelope.age is the report as it was sealed. With the key of its week it opens to the same words.",
        "4. original/envelope.age yw'r adroddiad fel y'i seliwyd. Gydag allwedd ei wythnos mae'n agor i'r un geiriau.",
    ),
];
pub(crate) const HANDED_ON: Phrase = phrase("Handed on", "Trosglwyddwyd");
pub(crate) const HANDED_BY: Phrase = phrase("Handed over by", "Trosglwyddwyd gan");
pub(crate) const RECEIVED_BY: Phrase = phrase("Received by", "Derbyniwyd gan");
pub(crate) const WHEN_AND_WHY: Phrase = phrase("When and why", "Pryd a pham");

/// What stands at the top of a package, in both languages.
pub(crate) const READ_ME: &str = include_str!("package.txt");

/// Which page it is of how many.
pub(crate) fn page(number: usize, of: usize, language: Language) -> String {
    match language {
        Language::English => format!("page {number} of {of}"),
        Language::Welsh => format!("tudalen {number} o {of}"),
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
            FORCE, ROUTE, LANGUAGE, WRITTEN_ON, CONTACT, ADDS_TO, ANSWERS, QUESTIONS, KEY, LOG,
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
