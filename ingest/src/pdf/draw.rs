//! Pages as pictures, for text recognition: grey, as displayed, rotation and crop box applied.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use crate::cell::{DrawnPage, MAX_PIXELS};
use crate::error::{ParseError, guarded};

const POINTS_PER_INCH: f32 = 72.0;
/// The rasteriser counts pixels in 16 bits.
const MAX_SIDE_PIXELS: f32 = 16_000.0;
/// A page whose pixels differ by less than this is empty.
const MIN_CONTRAST: u8 = 48;

/// Draws `pages` (1-based) and hands over one after the other. Fails only when `take` does: what is wrong with
/// the file is said for each of its pages.
pub(crate) fn draw(
    bytes: Vec<u8>,
    pages: &[u32],
    dots_per_inch: u32,
    mut take: impl FnMut(Result<DrawnPage, (u32, ParseError)>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let opened = guarded("pdf", || {
        Pdf::new(bytes)
            .map_err(|error| ParseError::damaged("pdf", format_args!("its pages cannot be drawn: {error:?}")))
    });
    let pdf = match opened {
        Ok(pdf) => pdf,
        Err(error) => return pages.iter().try_for_each(|number| take(Err((*number, error.clone())))),
    };
    let cache = RenderCache::new();
    for &number in pages {
        let drawn = guarded("pdf", || {
            let page = (number as usize).checked_sub(1).and_then(|index| pdf.pages().get(index));
            let page = page.ok_or_else(|| ParseError::damaged("pdf", "the page cannot be found again"))?;
            draw_page(number, page, &cache, dots_per_inch)
        });
        take(drawn.map_err(|error| (number, error)))?;
    }
    Ok(())
}

fn draw_page<'a>(
    number: u32,
    page: &'a Page<'a>,
    cache: &RenderCache<'a>,
    dots_per_inch: u32,
) -> Result<DrawnPage, ParseError> {
    let (width, height) = page.render_dimensions();
    if !(width >= 1.0 && height >= 1.0 && width.is_finite() && height.is_finite()) {
        return Err(ParseError::damaged("pdf", "the page has no size"));
    }
    let by_area = (MAX_PIXELS as f32 / (width * height)).sqrt();
    let by_side = MAX_SIDE_PIXELS / width.max(height);
    let scale = (dots_per_inch as f32 / POINTS_PER_INCH).min(by_area * 0.999).min(by_side);
    let pixmap = render(
        page,
        cache,
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE },
    );
    let grey = grey(&pixmap);
    Ok(DrawnPage {
        number,
        width: u32::from(pixmap.width()),
        height: u32::from(pixmap.height()),
        dots_per_inch: (scale * POINTS_PER_INCH).round() as u32,
        grey: if is_empty(&grey) { Vec::new() } else { grey },
    })
}

/// Luma (ITU-R BT.601) of opaque pixels.
fn grey(pixmap: &Pixmap) -> Vec<u8> {
    let luma = |pixel: &[u8]| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((red * 77 + green * 150 + blue * 29) >> 8) as u8
    };
    pixmap.data_as_u8_slice().chunks_exact(4).map(luma).collect()
}

fn is_empty(grey: &[u8]) -> bool {
    let darkest = grey.iter().copied().min().unwrap_or(0);
    let lightest = grey.iter().copied().max().unwrap_or(0);
    lightest - darkest < MIN_CONTRAST
}
