//! PPTX (ECMA-376) → blocks: slides in their order, each with its title, texts, tables, diagrams and notes. The
//! number of a slide is the page of its blocks.

mod slide;
#[cfg(test)]
pub(crate) mod tests;

use quick_xml::events::BytesStart;

use self::slide::{Role, Shape, Slide};
use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::error::ParseError;
use crate::limits::Limits;
use crate::package::Package;
use crate::xml::{Dialect, Visitor, attribute, walk};

/// Where the list of slides lies unless the package says otherwise.
const MAIN_PART: &str = "ppt/presentation.xml";

/// The older copy of a shape, and what describes pictures.
const PPTX: Dialect = Dialect { format: "pptx", skips: |name| matches!(name, "Fallback" | "extLst") };

pub fn parse(bytes: &[u8], limits: &Limits) -> Result<ParsedDocument, ParseError> {
    let mut package = Package::open(bytes, PPTX.format, limits)?;
    let main = package.main_part(MAIN_PART)?;
    let mut order = Order::default();
    walk(&package.needed(&main)?, limits, &PPTX, &mut order)?;
    if order.ids.len() as u64 > u64::from(limits.max_pages) {
        return Err(ParseError::limit("slides", limits.max_pages.into()));
    }
    let relations = package.relations(&main)?;
    let mut builder = BlockBuilder::default();
    let (mut number, mut first_title) = (0, None);
    for id in &order.ids {
        number += 1;
        let Some(relation) = relations.by_id(id) else { continue };
        builder.turn_to(number);
        // A slide without a title does not belong to the one before.
        builder.leave(1);
        let title = read_slide(&mut package, &relation.target, &mut builder)?;
        first_title = first_title.or(title);
    }
    let properties = package.properties()?;
    // Properties are often those of a template, and then they name no presentation.
    let title = first_title.or(properties.title);
    let document = ParsedDocument::flowing(MediaType::Pptx, title, builder.finish(), None);
    Ok(ParsedDocument { metadata: properties.metadata, page_count: Some(number), ..document })
}

/// Appends a slide with what belongs to it; its title.
fn read_slide(package: &mut Package<'_>, part: &str, builder: &mut BlockBuilder) -> Result<Option<String>, ParseError> {
    let Some(xml) = package.part(part)? else { return Ok(None) };
    let slide = Slide::read(&xml, package.limits, &PPTX)?;
    let title = slide.title();
    if let Some(title) = &title {
        builder.push(BlockKind::Heading { level: 1 }, title);
    }
    slide.shapes.iter().filter(|shape| shape.role != Role::Title).for_each(|shape| shape.write(builder));
    let relations = package.relations(part)?;
    for kind in ["diagramData", "notesSlide"] {
        let Some(relation) = relations.of_kind(kind) else { continue };
        let Some(xml) = package.part(&relation.target)? else { continue };
        let inner = Slide::read(&xml, package.limits, &PPTX)?;
        // A page of notes also holds a picture of the slide, its number and a date.
        let is_wanted = |shape: &&Shape| kind != "notesSlide" || shape.role == Role::Body;
        for shape in inner.shapes.iter().filter(is_wanted) {
            shape.write_as(BlockKind::Paragraph, builder);
        }
    }
    Ok(title)
}

/// The slides, by the identifiers of their relations.
#[derive(Default)]
struct Order {
    ids: Vec<String>,
}

impl Visitor for Order {
    fn start(&mut self, element: &BytesStart<'_>) {
        if element.local_name().as_ref() == "sldId" {
            // The identifier of the relation is the one with a prefix.
            let with_prefix = element
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.prefix().is_some() && attribute.key.local_name().as_ref() == "id");
            let id = with_prefix.map(|attribute| attribute.value.to_string()).or_else(|| attribute(element, "id"));
            self.ids.extend(id);
        }
    }

    fn end(&mut self, _name: &str) {}
}
