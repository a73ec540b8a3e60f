//! PDF files by hand: a library would not write most of these.

use super::{Hostile, READ, deflate, hostile};

pub const FILES: &[fn() -> Hostile] = &[
    || {
        hostile(
            "pdf: flate bomb",
            "a.pdf",
            page(&filtered("/FlateDecode", &deflate::zlib(b" ", 1 << 30)), &[]),
            "limit_exceeded",
        )
    },
    nested_bomb,
    || {
        hostile(
            "pdf: run length bomb",
            "a.pdf",
            page(&filtered("/RunLengthDecode", &[129, b' '].repeat(8 << 20)), &[]),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "pdf: a thousand filters",
            "a.pdf",
            page(&filtered(&format!("[{}]", "/ASCIIHexDecode ".repeat(1000)), b"20>"), &[]),
            "limit_exceeded",
        )
    },
    || hostile("pdf: bomb of object streams", "a.pdf", object_stream_bomb(), "limit_exceeded"),
    || {
        hostile(
            "pdf: deep arrays",
            "a.pdf",
            page(&shown("Deep"), &["[".repeat(1_000_000) + &"]".repeat(1_000_000)]),
            READ,
        )
    },
    || {
        hostile(
            "pdf: deep dictionaries",
            "a.pdf",
            page(&shown("Deep"), &["<</A".repeat(500_000) + &">>".repeat(500_000)]),
            READ,
        )
    },
    || {
        hostile(
            "pdf: deep arrays in content",
            "a.pdf",
            page(&stream("", format!("{SHOWN} {}", "[".repeat(2_000_000)).as_bytes()), &[]),
            READ,
        )
    },
    || hostile("pdf: page tree in a circle", "a.pdf", tree("[3 0 R 2 0 R 2 0 R]"), READ),
    page_tree_laughs,
    || hostile("pdf: parents in a circle", "a.pdf", parents_in_a_circle(), READ),
    || hostile("pdf: gigantic numbers", "a.pdf", gigantic_numbers(), "damaged_file"),
    || hostile("pdf: table that follows itself", "a.pdf", table_of_itself(), READ),
    || hostile("pdf: table of two billion zeros", "a.pdf", table_of_zeros(), "damaged_file"),
    || hostile("pdf: lying lengths", "a.pdf", lying_lengths(), READ),
    || hostile("pdf: huge image", "a.pdf", huge_image(), READ),
    || {
        hostile(
            "pdf: inline image without end",
            "a.pdf",
            page(&stream("", &[SHOWN.as_bytes(), b"BI /W 9 ID ", &[0xe0; 8 << 20]].concat()), &[]),
            READ,
        )
    },
    || {
        hostile(
            "pdf: maps of billions of codes",
            "a.pdf",
            font("/Encoding 6 0 R/ToUnicode 7 0 R", "", &[map_of_billions(), map_of_billions()]),
            READ,
        )
    },
    || {
        hostile(
            "pdf: widths of billions of codes",
            "a.pdf",
            font("/Encoding/Identity-H", &widths_of_billions(), &[]),
            READ,
        )
    },
    || hostile("pdf: forms that laugh", "a.pdf", laughing_forms(), "limit_exceeded"),
    || hostile("pdf: a form in itself", "a.pdf", page_with_forms(&["/F1 Do /F0 Do".into(), "/F0 Do".into()]), READ),
    || {
        hostile(
            "pdf: a million saved states",
            "a.pdf",
            page(&stream("", ("q ".repeat(1_000_000) + SHOWN).as_bytes()), &[]),
            READ,
        )
    },
    || hostile("pdf: a hundred megabytes of operators", "a.pdf", operators(), "limit_exceeded"),
    || hostile("pdf: one content a hundred thousand times", "a.pdf", repeated_content(), "limit_exceeded"),
    || hostile("pdf: annotations without end", "a.pdf", annotations(), "limit_exceeded"),
    || hostile("pdf: encrypted with nothing", "a.pdf", encrypted_with_nothing(), "encrypted_pdf"),
    || hostile("pdf: reference to itself", "a.pdf", page(&shown("Here"), &["7 0 R".into(), "6 0 R".into()]), READ),
    || hostile("pdf: text everywhere", "a.pdf", page(&stream("", scattered().as_bytes()), &[]), READ),
];

const SHOWN: &str = "BT /F1 12 Tf 72 700 Td (Words that are there) Tj ET ";

fn stream(entries: &str, bytes: &[u8]) -> Vec<u8> {
    let mut object = format!("<<{entries}/Length {}>>stream\n", bytes.len()).into_bytes();
    object.extend(bytes);
    object.extend(b"\nendstream");
    object
}

fn filtered(filter: &str, bytes: &[u8]) -> Vec<u8> {
    stream(&format!("/Filter {filter}"), bytes)
}

fn shown(text: &str) -> Vec<u8> {
    stream("", format!("BT /F1 12 Tf 72 700 Td ({text} words) Tj ET").as_bytes())
}

/// Objects 1, 2 and so on with a sound table; the first is the catalog.
fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    with_trailer(objects, "")
}

fn with_trailer(objects: &[Vec<u8>], entries: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(bytes.len());
        bytes.extend(format!("{number} 0 obj\n").as_bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let table = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).as_bytes());
    for place in &places {
        bytes.extend(format!("{place:010} 00000 n \n").as_bytes());
    }
    let size = places.len() + 1;
    bytes.extend(format!("trailer\n<</Size {size}/Root 1 0 R{entries}>>\nstartxref\n{table}\n%%EOF").as_bytes());
    bytes
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R>>";
const PAGES: &str = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 612 792]>>";
const PAGE: &str = "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
const FONT: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";

/// One page: its content is object 4, what follows starts with 6.
fn page(content: &[u8], rest: &[String]) -> Vec<u8> {
    let mut objects = vec![CATALOG.into(), PAGES.into(), PAGE.into(), content.to_vec(), FONT.into()];
    objects.extend(rest.iter().map(|object| object.clone().into_bytes()));
    file(&objects)
}

fn nested_bomb() -> Hostile {
    let inner = deflate::zlib(b" ", 1 << 30);
    let content = filtered("[/FlateDecode/FlateDecode]", &deflate::zlib(&inner, 1));
    hostile("pdf: flate bomb in a flate stream", "a.pdf", page(&content, &[]), "limit_exceeded")
}

fn object_stream_bomb() -> Vec<u8> {
    let bomb = stream("/Type/ObjStm/N 2000000000/First 10/Filter/FlateDecode", &deflate::zlib(b"6 0 ", 1 << 28));
    file(&[CATALOG.into(), PAGES.into(), PAGE.into(), shown("Bomb"), FONT.into(), bomb])
}

fn tree(kids: &str) -> Vec<u8> {
    let pages = format!("<</Type/Pages/Kids{kids}/Count 3/MediaBox[0 0 612 792]>>");
    file(&[CATALOG.into(), pages.into(), PAGE.into(), shown("Leaf"), FONT.into()])
}

/// Every node has the next one ten times: 10¹⁰⁰ pages.
fn page_tree_laughs() -> Hostile {
    let mut objects = vec![CATALOG.into(), Vec::new(), PAGE.into(), shown("Ha"), FONT.into()];
    objects[1] = b"<</Type/Pages/Kids[6 0 R]/Count 1>>".to_vec();
    for number in 7..107 {
        objects.push(format!("<</Type/Pages/Kids[{}]/Count 99>>", format!("{number} 0 R ").repeat(10)).into_bytes());
    }
    objects.push(b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>".to_vec());
    hostile("pdf: page tree that laughs", "a.pdf", file(&objects), READ)
}

fn parents_in_a_circle() -> Vec<u8> {
    let pages = "<</Type/Pages/Parent 6 0 R/Kids[3 0 R]/Count 1/MediaBox[0 0 612 792]>>";
    let page = "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
    let above = "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]>>";
    file(&[CATALOG.into(), pages.into(), page.into(), shown("Round"), FONT.into(), above.into()])
}

fn gigantic_numbers() -> Vec<u8> {
    let digits = "9".repeat(400);
    let pages =
        format!("<</Type/Pages/Kids[3 0 R]/Count {digits}/MediaBox[-{digits} 0 {digits} 1e309]/Rotate {digits}>>");
    let content = format!("{digits} 0 0 {digits} 0 0 cm BT /F1 {digits} Tf {digits} -{digits} Td (Far) Tj ET");
    file(&[CATALOG.into(), pages.into(), PAGE.into(), stream("", content.as_bytes()), FONT.into()])
}

fn table_of_itself() -> Vec<u8> {
    let plain = page(&shown("Again"), &[]);
    let table = plain.windows(5).rposition(|window| window == b"xref\n").expect("there is a table");
    let objects = [CATALOG.into(), PAGES.into(), PAGE.into(), shown("Again"), FONT.into()];
    with_trailer(&objects, &format!("/Prev {table}"))
}

/// A stream as the table of objects: so many entries, of so many bytes each, all zero.
fn table_of_zeros() -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let table = bytes.len();
    let zeros = deflate::zlib(&[0], 64 << 20);
    let entries = "/Type/XRef/Size 2147483647/W[1 8 8]/Index[0 2147483647]/Root 1 0 R/Filter/FlateDecode";
    bytes.extend(b"1 0 obj\n");
    bytes.extend(stream(entries, &zeros));
    bytes.extend(format!("\nendobj\nstartxref\n{table}\n%%EOF").as_bytes());
    bytes
}

fn lying_lengths() -> Vec<u8> {
    let content = format!("<</Length 4294967295>>stream\n{SHOWN}\nendstream");
    file(&[CATALOG.into(), PAGES.into(), PAGE.into(), content.into(), FONT.into()])
}

fn huge_image() -> Vec<u8> {
    let page = "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</I 6 0 R>>>>>>";
    let content = format!("{SHOWN} q 600 0 0 700 0 0 cm /I Do Q");
    let entries = "/Type/XObject/Subtype/Image/Width 2147483647/Height 2147483647/BitsPerComponent 16\
        /ColorSpace/DeviceCMYK/Filter/FlateDecode";
    let image = stream(entries, &deflate::zlib(&[0], 1 << 28));
    file(&[CATALOG.into(), PAGES.into(), page.into(), stream("", content.as_bytes()), FONT.into(), image])
}

/// A page whose font F2 has codes of several bytes; `rest` starts with object 6.
fn font(entries: &str, descendant: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    let page = format!(
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R/F2<</Type/Font/Subtype/Type0/BaseFont\
         /A{entries}/DescendantFonts[<</Subtype/CIDFontType2/BaseFont/A {descendant}>>]>>>>>>>>"
    );
    let content = format!("{SHOWN} BT /F2 12 Tf 72 600 Td <00010002FFFFFFFF> Tj ET");
    let mut objects =
        vec![CATALOG.into(), PAGES.into(), page.into_bytes(), stream("", content.as_bytes()), FONT.into()];
    objects.extend_from_slice(rest);
    file(&objects)
}

fn map_of_billions() -> Vec<u8> {
    let mut map = "begincmap 1 begincodespacerange <00000000> <ffffffff> endcodespacerange\n".to_owned();
    for _ in 0..2_000 {
        map += "2 begincidrange <00000000> <ffffffff> 0 <0000> <ffff> 4294967295 endcidrange\n\
            2 beginbfrange <00000000> <ffffffff> <0041> <0000> <ffff> <d800> endbfrange\n";
    }
    map += "endcmap";
    stream("", map.as_bytes())
}

fn widths_of_billions() -> String {
    format!("/W[{}]/W2[{}]", "0 4294967295 500 ".repeat(20_000), "0 4294967295 -1000 250 772 ".repeat(20_000))
}

/// Forms F0, F1 and so on, of which the page draws the first.
fn page_with_forms(contents: &[String]) -> Vec<u8> {
    let names: Vec<String> = (0..contents.len()).map(|index| format!("/F{index} {} 0 R", index + 6)).collect();
    let names = names.concat();
    let pages = format!(
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 612 792]/Resources<</Font<</F1 5 0 R>>/XObject<<{names}>>>>>>"
    );
    let page = "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>";
    let content = stream("", format!("{SHOWN} /F0 Do").as_bytes());
    let mut objects = vec![CATALOG.into(), pages.into_bytes(), page.into(), content, FONT.into()];
    let form = |content: &String| stream("/Type/XObject/Subtype/Form/BBox[0 0 612 792]", content.as_bytes());
    objects.extend(contents.iter().map(form));
    file(&objects)
}

fn laughing_forms() -> Vec<u8> {
    let contents: Vec<String> = (1..40).map(|next| format!("/F{next} Do ").repeat(10)).collect();
    page_with_forms(&contents)
}

fn operators() -> Vec<u8> {
    page(&filtered("/FlateDecode", &deflate::zlib(b"BT /F1 9 Tf 9 9 Td (ab) Tj ET ", 3_500_000)), &[])
}

fn repeated_content() -> Vec<u8> {
    let page =
        format!("<</Type/Page/Parent 2 0 R/Contents[{}]/Resources<</Font<</F1 5 0 R>>>>>>", "4 0 R ".repeat(100_000));
    let content = filtered("/FlateDecode", &deflate::zlib(b"BT /F1 9 Tf (a) Tj ET ", 1_000));
    file(&[CATALOG.into(), PAGES.into(), page.into(), content, FONT.into()])
}

fn annotations() -> Vec<u8> {
    let page = format!(
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Annots[{}]/Resources<</Font<</F1 5 0 R>>>>>>",
        "6 0 R ".repeat(200_000)
    );
    let annotation = "<</Type/Annot/Subtype/Stamp/Rect[0 0 600 700]/AP<</N 7 0 R>>>>";
    let form = stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F1 5 0 R>>>>",
        "BT /F1 9 Tf 9 9 Td (a) Tj ET ".repeat(2_000).as_bytes(),
    );
    file(&[CATALOG.into(), PAGES.into(), page.into(), shown("Page"), FONT.into(), annotation.into(), form])
}

fn encrypted_with_nothing() -> Vec<u8> {
    let objects = [CATALOG.into(), PAGES.into(), PAGE.into(), shown("Secret"), FONT.into()];
    with_trailer(&objects, "/Encrypt<</Filter/Standard/V 4294967295/R -1/O()/U()/P 0>>/ID[()()]")
}

/// A page full of single letters at every place and angle: nothing is a line.
fn scattered() -> String {
    let letter = |number: u32| {
        let angle = f64::from(number % 360).to_radians();
        let (x, y) = (number * 7919 % 612, number * 104_729 % 792);
        let (cosine, sine) = (angle.cos(), angle.sin());
        format!("{cosine:.3} {sine:.3} {:.3} {cosine:.3} {x} {y} Tm (a) Tj ", -sine)
    };
    let letters: Vec<String> = (0..60_000).map(letter).collect();
    format!("BT /F1 7 Tf {} ET", letters.concat())
}
