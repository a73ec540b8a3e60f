//! Makes documents with text, draws them, and wraps the pictures as scans.

use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use terroir_ingest::cell::DrawnPage;

/// A line of Helvetica: place of its base line from the bottom left, size, text.
pub type Line<'a> = (f32, f32, f32, &'a str);

pub const ENGLISH: &[&str] = &[
    "The valley was settled long before the first road",
    "reached it, and the people who lived there kept",
    "their own calendar, their own measures and a lan-",
    "guage that nobody else could follow. When the sur-",
    "veyors arrived in spring they found terraces on every",
    "slope, dry stone walls between the vines and small",
    "huts of slate in which tools were stored.",
];
pub const ENGLISH_MORE: &[&str] = &[
    "Nobody had drawn a map of it. The paths followed",
    "the water, and the water followed what the winter",
    "had left behind. It took the office eleven years to",
    "finish the register, and by then a third of the",
    "fields had changed their owners, most of them twice,",
    "so that the first page was wrong when the last one",
    "was written.",
];
pub const FRENCH: &[&str] = &[
    "La vallée était habitée bien avant que la première",
    "route ne l'atteigne, et ceux qui y vivaient avaient",
    "gardé leur propre calendrier, leurs mesures et une",
    "langue que personne d'autre ne comprenait. À l'arrivée",
    "des géomètres, au printemps, ils trouvèrent des",
    "terrasses sur chaque pente et des murs de pierre sèche",
    "entre les vignes, élevés sans mortier.",
];

/// What stands under one another from `y` on, in size 11.
pub fn column<'a>(x: f32, y: f32, lines: &[&'a str]) -> Vec<Line<'a>> {
    (0_u8..).zip(lines).map(|(index, line)| (x, y - 13.5 * f32::from(index), 11.0, *line)).collect()
}

/// A heading over two columns.
pub fn two_columns() -> Vec<Line<'static>> {
    let mut lines = vec![(60.0, 760.0, 22.0, "Survey of the upper valley")];
    lines.extend(column(60.0, 720.0, ENGLISH));
    lines.extend(column(330.0, 720.0, ENGLISH_MORE));
    lines
}

pub enum PageOf<'a> {
    Text(Vec<Line<'a>>),
    /// A picture that fills the page, with these lines over it.
    Picture(&'a DrawnPage, Vec<Line<'a>>),
    Blank,
}

/// A file of A4 pages.
pub fn pdf(pages: &[PageOf<'_>]) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let mut kids: Vec<Object> = Vec::new();
    for page in pages {
        let (mut content, mut pictures) = (Vec::new(), Dictionary::new());
        let mut size = (595.0, 842.0);
        match page {
            PageOf::Blank => {}
            PageOf::Text(lines) => content = shown(lines),
            PageOf::Picture(picture, lines) => {
                let points = |pixels: u32| pixels as f32 * 72.0 / picture.dots_per_inch as f32;
                size = (points(picture.width), points(picture.height));
                pictures.set("Im1", document.add_object(image(picture)));
                content = format!("q {} 0 0 {} 0 0 cm /Im1 Do Q\n", size.0, size.1).into_bytes();
                content.extend(shown(lines));
            }
        }
        let content = document.add_object(Stream::new(Dictionary::new(), content));
        let page = dictionary! {
            "Type" => "Page", "Parent" => tree, "Contents" => content,
            "MediaBox" => vec![0.into(), 0.into(), Object::Real(size.0), Object::Real(size.1)],
            "Resources" => dictionary! { "Font" => dictionary! { "F1" => font }, "XObject" => pictures },
        };
        kids.push(document.add_object(page).into());
    }
    let root = dictionary! { "Type" => "Pages", "Count" => kids.len() as i64, "Kids" => kids };
    document.objects.insert(tree, root.into());
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("writing to memory works");
    bytes
}

/// The same picture, turned clockwise by a quarter.
pub fn turned(picture: &DrawnPage) -> DrawnPage {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut grey = Vec::with_capacity(picture.grey.len());
    for x in 0..width {
        grey.extend((0..height).rev().map(|y| picture.grey[y * width + x]));
    }
    DrawnPage { width: picture.height, height: picture.width, grey, ..picture.clone() }
}

/// Portable grey map.
pub fn pgm(picture: &DrawnPage) -> Vec<u8> {
    let mut bytes = format!("P5 {} {} 255\n", picture.width, picture.height).into_bytes();
    bytes.extend(&picture.grey);
    bytes
}

/// Grey, 8 bits, with its resolution.
pub fn png(picture: &DrawnPage) -> Vec<u8> {
    let mut rows = Vec::new();
    for row in picture.grey.chunks(picture.width as usize) {
        rows.push(0);
        rows.extend(row);
    }
    let mut deflated = Stream::new(Dictionary::new(), rows);
    deflated.compress().expect("compressing in memory works");
    let per_metre = (picture.dots_per_inch as f32 / 0.0254).round() as u32;
    let mut header = [picture.width.to_be_bytes(), picture.height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let resolution = [&per_metre.to_be_bytes()[..], &per_metre.to_be_bytes(), &[1]].concat();
    for (kind, data) in [(b"IHDR", header), (b"pHYs", resolution), (b"IDAT", deflated.content), (b"IEND", Vec::new())] {
        let chunk = [&kind[..], &data].concat();
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc(&chunk).to_be_bytes());
    }
    bytes
}

/// One picture per directory, grey, 8 bits, no compression (TIFF 6.0).
pub fn tiff(pictures: &[&DrawnPage]) -> Vec<u8> {
    let mut bytes = b"II*\0".to_vec();
    let mut link = bytes.len();
    bytes.extend([0; 4]);
    for picture in pictures {
        let data = bytes.len() as u32;
        bytes.extend(&picture.grey);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let ratio = bytes.len() as u32;
        bytes.extend([picture.dots_per_inch.to_le_bytes(), 1_u32.to_le_bytes()].concat());
        let directory = bytes.len() as u32;
        bytes[link..link + 4].copy_from_slice(&directory.to_le_bytes());
        // Tag, type (3 short, 4 long, 5 ratio), value.
        let entries: [(u16, u16, u32); 11] = [
            (256, 4, picture.width),
            (257, 4, picture.height),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, data),
            (277, 3, 1),
            (278, 4, picture.height),
            (279, 4, picture.grey.len() as u32),
            (282, 5, ratio),
            (283, 5, ratio),
        ];
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
        }
        link = bytes.len();
        bytes.extend([0; 4]);
    }
    bytes
}

fn image(picture: &DrawnPage) -> Stream {
    let dictionary = dictionary! {
        "Type" => "XObject", "Subtype" => "Image", "Width" => i64::from(picture.width),
        "Height" => i64::from(picture.height), "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8,
    };
    let mut stream = Stream::new(dictionary, picture.grey.clone());
    stream.compress().expect("compressing in memory works");
    stream
}

/// Operators that show lines, in the encoding of Windows, which Latin letters share with Unicode.
fn shown(lines: &[Line<'_>]) -> Vec<u8> {
    let mut content = Vec::new();
    for (x, y, size, text) in lines {
        content.extend(format!("BT /F1 {size} Tf {x} {y} Td (").bytes());
        content.extend(text.chars().map(|c| u8::try_from(u32::from(c)).expect("the text is Latin")));
        content.extend(b") Tj ET\n");
    }
    content
}

/// CRC-32 of PNG.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
