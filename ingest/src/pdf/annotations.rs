//! What stands on a page besides its content: filled-in form fields, text boxes, stamps.

use lopdf::{Dictionary, Document, Object};

use super::file::Page;
use super::geometry::{Matrix, Rectangle};
use super::interpreter::Interpreter;
use super::lookup;
use crate::error::ParseError;

const FLAG_HIDDEN: i64 = 1 << 1;
const FLAG_NO_VIEW: i64 = 1 << 5;
/// More annotations than any page shows.
const MAX_PER_PAGE: usize = 10_000;

pub(super) fn draw<'a>(
    document: &'a Document,
    page: &Page<'a>,
    interpreter: &mut Interpreter<'a, '_>,
) -> Result<(), ParseError> {
    let annotations = lookup::array(document, page.dictionary, b"Annots").unwrap_or_default();
    for object in annotations.iter().take(MAX_PER_PAGE) {
        let Some(annotation) = lookup::resolve(document, object).and_then(lookup::as_dictionary) else {
            continue;
        };
        let flags = lookup::integer(document, annotation, b"F").unwrap_or(0);
        let is_popup = lookup::name(document, annotation, b"Subtype") == Some(b"Popup");
        if flags & (FLAG_HIDDEN | FLAG_NO_VIEW) != 0 || is_popup {
            continue;
        }
        if let Some((appearance, to_page)) = appearance(document, annotation) {
            interpreter.run_annotation(appearance, &to_page)?;
        }
    }
    Ok(())
}

/// The form that is drawn, and the map that puts its box where the annotation stands
/// (ISO 32000-1, 12.5.5).
fn appearance<'a>(document: &'a Document, annotation: &'a Dictionary) -> Option<(&'a Object, Matrix)> {
    let appearances = lookup::dictionary(document, annotation, b"AP")?;
    let mut object = appearances.get(b"N").ok()?;
    if let Object::Dictionary(states) = lookup::resolve(document, object)? {
        object = states.get(lookup::name(document, annotation, b"AS")?).ok()?;
    }
    let form = &lookup::resolve(document, object)?.as_stream().ok()?.dict;
    let place = lookup::rectangle(document, annotation, b"Rect")?;
    let matrix = lookup::matrix(document, form, b"Matrix").unwrap_or(Matrix::IDENTITY);
    let drawn: Rectangle = lookup::rectangle(document, form, b"BBox")?.mapped(&matrix);
    let scale = |wanted: f32, given: f32| if given > 0.0 { wanted / given } else { 1.0 };
    let (scale_x, scale_y) = (scale(place.width(), drawn.width()), scale(place.height(), drawn.height()));
    let to_page =
        Matrix::new([scale_x, 0.0, 0.0, scale_y, place.x0 - drawn.x0 * scale_x, place.y0 - drawn.y0 * scale_y]);
    Some((object, to_page))
}
