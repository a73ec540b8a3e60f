//! What holds inside a group, and is as before when it ends.

use encoding_rs::Encoding;

/// Groups whose content is not text of the document.
const SKIPPED: &[&str] = &[
    "colortbl",
    "pict",
    "objdata",
    "objclass",
    "objname",
    "header",
    "headerl",
    "headerr",
    "headerf",
    "footer",
    "footerl",
    "footerr",
    "footerf",
    "fldinst",
    "listtable",
    "listoverridetable",
    "revtbl",
    "rsidtbl",
    "filetbl",
    "themedata",
    "colorschememapping",
    "datastore",
    "latentstyles",
    "generator",
    "xmlnstbl",
    "xe",
    "tc",
    "nonshppict",
    "sn",
    "sv",
    "sp",
    "template",
    "pgdsctbl",
    "ftnsep",
    "ftnsepc",
    "aftnsep",
    "aftnsepc",
    "bkmkstart",
    "bkmkend",
    "annotation",
    "atnid",
    "atnauthor",
    "panose",
    "falt",
    "fontemb",
    "mmathPr",
    "factoidname",
];
/// Groups that may be skipped by programs that do not know them, and that this one reads.
const KNOWN: &[&str] = &["shpinst", "shptxt", "footnote", "listtext", "pntext", "fldrslt", "result", "shpgrp"];

/// Where the text of a group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Body,
    Nowhere,
    Fonts,
    Styles,
    /// What the document says about itself; only the groups inside say something.
    Info,
    Title,
    Author,
    Created,
    /// The mark of a list item.
    Label,
    /// Flows of paragraphs of their own.
    Note,
    TextBox,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) destination: Destination,
    pub(super) encoding: Option<&'static Encoding>,
    /// How many characters stand in for one of Unicode.
    pub(super) substitutes: u32,
    pub(super) hidden: bool,
    /// Whether nothing of the group has been read yet.
    pub(super) fresh: bool,
    /// Whether `\*` came first: what is not known is to be skipped.
    pub(super) optional: bool,
}

impl State {
    pub(super) fn outermost() -> Self {
        Self {
            destination: Destination::Body,
            encoding: None,
            substitutes: 1,
            hidden: false,
            fresh: false,
            optional: false,
        }
    }

    /// Takes a control word that says where the text of the group goes; whether this was one.
    pub(super) fn redirect(&mut self, name: &str) -> bool {
        let optional = std::mem::take(&mut self.optional);
        if self.destination == Destination::Nowhere {
            return true;
        }
        self.destination = match name {
            "fonttbl" => Destination::Fonts,
            "stylesheet" => Destination::Styles,
            "info" => Destination::Info,
            "title" if self.destination == Destination::Info => Destination::Title,
            "author" if self.destination == Destination::Info => Destination::Author,
            "creatim" if self.destination == Destination::Info => Destination::Created,
            "listtext" | "pntext" => Destination::Label,
            "footnote" => Destination::Note,
            "shptxt" => Destination::TextBox,
            _ if SKIPPED.contains(&name) => Destination::Nowhere,
            _ if optional && !KNOWN.contains(&name) && self.destination != Destination::Styles => Destination::Nowhere,
            _ => return false,
        };
        true
    }
}
