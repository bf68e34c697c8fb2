//! Where each verb writes: the program is kept to these folders and can write nowhere else.

use std::path::Path;

use super::contact::Contact;
use super::keys::{Directory, Officers, Signing};
use super::record::Record;
use super::release::Release;
use super::replies::Replies;
use super::{Verb, Who};
use crate::files::parent;

impl Verb {
    /// The folders that this verb writes to.
    pub(crate) fn places(&self) -> Vec<&Path> {
        match self {
            Self::Ceremony(args) => {
                let vault = args.vault.as_deref().map(parent);
                [Some(parent(&args.out)), vault]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::Contact(Contact::Request(args)) => vec![of(&args.who), parent(&args.out)],
            Self::Contact(Contact::Approve(args)) => vec![of(&args.who), parent(&args.out)],
            Self::Contact(Contact::Open(args)) => vec![of(&args.who)],
            Self::Contact(Contact::Reseal(args)) => vec![&args.vault],
            Self::Directory(Directory::Issue(args)) => {
                let mut places = signing(&args.signing).to_vec();
                places.extend(args.add_courier.as_deref().map(parent));
                places
            }
            Self::Export(args) => vec![of(&args.who), parent(&args.out)],
            Self::Import(args) => vec![of(&args.who)],
            Self::List(args) => vec![of(&args.who)],
            Self::Officers(Officers::Add(args)) => signing(&args.signing).to_vec(),
            Self::Officers(Officers::Remove(args)) => signing(&args.signing).to_vec(),
            Self::Read(args) => vec![of(&args.who)],
            Self::Reader(args) => vec![of(&args.who)],
            Self::Record(Record::Verify(_)) => Vec::new(),
            Self::Record(Record::Export(args)) => vec![parent(&args.to)],
            Self::Release(Release::Key(args)) => vec![parent(&args.out)],
            Self::Release(Release::Sign(args)) => vec![parent(&args.out)],
            Self::Reply(args) => vec![of(&args.who)],
            Self::Replies(Replies::Export(args)) => vec![of(&args.who), &args.to],
            Self::Retire(args) => vec![of(&args.who)],
            Self::Thread(args) => vec![of(&args.who)],
        }
    }
}

fn of(who: &Who) -> &Path {
    &who.vault
}

fn signing(signing: &Signing) -> [&Path; 2] {
    [of(&signing.who), parent(&signing.out)]
}
