//! How the parts of an Office document refer to one another (ECMA-376, part 2, 8.5).

use quick_xml::events::BytesStart;

use crate::error::ParseError;
use crate::limits::Limits;
use crate::xml::{Dialect, Visitor, attribute, walk};

/// The relations of one part.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    relations: Vec<Relation>,
    folder: String,
}

#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) id: String,
    /// The last word of its type, for example `notesSlide`.
    pub(crate) kind: String,
    /// Name of a part of the package.
    pub(crate) target: String,
}

impl Relations {
    pub(super) fn read(xml: &str, folder: &str, format: &'static str, limits: &Limits) -> Result<Self, ParseError> {
        let mut relations = Self { folder: folder.to_owned(), ..Self::default() };
        walk(xml, limits, &Dialect::whole(format), &mut relations)?;
        Ok(relations)
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.kind == kind)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.id == id)
    }
}

impl Visitor for Relations {
    fn start(&mut self, element: &BytesStart<'_>) {
        if let (Some(kind), Some(target)) = (attribute(element, "Type"), attribute(element, "Target")) {
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            let id = attribute(element, "Id").unwrap_or_default();
            self.relations.push(Relation { id, kind, target: resolved(&self.folder, &target) });
        }
    }

    fn end(&mut self, _name: &str) {}
}

/// A reference from a part in `folder` as the name of a part.
pub(crate) fn resolved(folder: &str, target: &str) -> String {
    let mut path: Vec<&str> = Vec::new();
    let steps = match target.strip_prefix('/') {
        Some(absolute) => absolute.split('/').chain("".split('/')),
        None => folder.split('/').chain(target.split('/')),
    };
    for step in steps {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn references_are_followed_from_where_they_stand() {
        for (folder, target, expected) in [
            ("ppt/slides", "../notesSlides/notesSlide1.xml", "ppt/notesSlides/notesSlide1.xml"),
            ("", "word/document.xml", "word/document.xml"),
            ("word", "/text/body.xml", "text/body.xml"),
            ("a", "../../../b", "b"),
            ("OEBPS", "./x/./y.xhtml", "OEBPS/x/y.xhtml"),
        ] {
            assert_eq!(resolved(folder, target), expected);
        }
    }
}
