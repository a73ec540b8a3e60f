//! Makes PDF files for tests.

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};

pub(super) struct Pdf {
    pub(super) document: Document,
    pages: Vec<Object>,
    pages_id: ObjectId,
    resources: Dictionary,
    rotation: i64,
}

impl Pdf {
    pub(super) fn new() -> Self {
        let mut document = Document::with_version("1.7");
        let pages_id = document.new_object_id();
        let plain = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica",
            "Encoding" => "WinAnsiEncoding",
        });
        let named = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica",
            "Encoding" => dictionary! {
                "Differences" => vec![1.into(), "eacute".into(), "fi".into(), "uni20AC".into()],
            },
        });
        let resources = dictionary! {
            "Font" => dictionary! { "F1" => plain, "F3" => named },
            "XObject" => Dictionary::new(),
        };
        Self { document, pages: Vec::new(), pages_id, resources, rotation: 0 }
    }

    /// A file of one page.
    pub(super) fn page(content: &str) -> Self {
        let mut pdf = Self::new();
        pdf.add_page(content);
        pdf
    }

    pub(super) fn add_page(&mut self, content: &str) {
        let content = Stream::new(Dictionary::new(), content.as_bytes().to_vec());
        let content = self.document.add_object(content);
        self.add_page_of(content.into());
    }

    pub(super) fn add_page_of(&mut self, contents: Object) {
        let page = self.document.add_object(dictionary! {
            "Type" => "Page", "Parent" => self.pages_id, "Contents" => contents,
        });
        self.pages.push(page.into());
    }

    pub(super) fn rotated(mut self, degrees: i64) -> Self {
        self.rotation = degrees;
        self
    }

    pub(super) fn titled(mut self, title: &str) -> Self {
        let info = self.document.add_object(dictionary! { "Title" => Object::string_literal(title) });
        self.document.trailer.set("Info", info);
        self
    }

    /// Font F2 with this `/ToUnicode`.
    pub(super) fn with_to_unicode(mut self, map: &str) -> Self {
        let map = Stream::new(Dictionary::new(), map.as_bytes().to_vec());
        let map = self.document.add_object(map);
        let font = self.document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "TrueType", "BaseFont" => "Helvetica",
            "ToUnicode" => map,
        });
        self.resource("Font", "F2", font);
        self
    }

    /// Font T3, drawn by procedures, whose codes from `first` on have these names.
    pub(super) fn with_drawn_font(mut self, first: i64, names: &[&str]) -> Self {
        let mut differences: Vec<Object> = vec![first.into()];
        differences.extend(names.iter().map(|name| Object::from(*name)));
        let widths: Vec<Object> = names.iter().map(|_| 500.into()).collect();
        let font = self.document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type3", "FontBBox" => vec![0.into(), 0.into(), 1000.into(), 1000.into()],
            "FontMatrix" => vec![0.001.into(), 0.into(), 0.into(), 0.001.into(), 0.into(), 0.into()],
            "CharProcs" => Dictionary::new(), "Encoding" => dictionary! { "Differences" => differences },
            "FirstChar" => first, "LastChar" => first + names.len() as i64 - 1, "Widths" => widths,
        });
        self.resource("Font", "T3", font);
        self
    }

    pub(super) fn with_form(mut self, name: &str, content: &str) -> Self {
        let form = dictionary! {
            "Type" => "XObject", "Subtype" => "Form",
            "BBox" => vec![0.into(), 0.into(), 612.into(), 792.into()],
        };
        let form = Stream::new(form, content.as_bytes().to_vec());
        let form = self.document.add_object(form);
        self.resource("XObject", name, form);
        self
    }

    fn resource(&mut self, kind: &str, name: &str, id: ObjectId) {
        let entries = self
            .resources
            .get_mut(kind.as_bytes())
            .and_then(Object::as_dict_mut)
            .expect("the resources have this kind");
        entries.set(name, id);
    }

    /// The finished document, to be changed further.
    pub(super) fn into_document(mut self) -> Document {
        let tree = dictionary! {
            "Type" => "Pages", "Count" => self.pages.len() as i64, "Kids" => self.pages,
            "Resources" => self.resources, "Rotate" => self.rotation,
            "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()],
        };
        self.document.objects.insert(self.pages_id, tree.into());
        let catalog = self.document.add_object(dictionary! { "Type" => "Catalog", "Pages" => self.pages_id });
        self.document.trailer.set("Root", catalog);
        self.document
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        bytes(self.into_document())
    }
}

pub(super) fn bytes(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("writing to memory works");
    bytes
}

/// Operators that draw one line in Helvetica.
pub(super) fn show(x: f32, y: f32, size: f32, text: &str) -> String {
    format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// Lines with a leading of 1.2 font sizes.
pub(super) fn show_lines(x: f32, y: f32, size: f32, lines: &[&str]) -> String {
    (0_u8..).zip(lines).map(|(index, line)| show(x, y - 1.2 * size * f32::from(index), size, line)).collect()
}
