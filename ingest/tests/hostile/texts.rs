//! Text, markup, data, mail.

use super::{Hostile, READ, hostile};

const DEEP: usize = 1_000_000;

pub const FILES: &[fn() -> Hostile] = &[
    || hostile("xml: entities that laugh", "a.xml", laughs(), "no_text"),
    || {
        hostile(
            "xml: nested a million deep",
            "a.xml",
            format!("<?xml version=\"1.0\"?>{}word", "<a>".repeat(DEEP)),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "xml: one attribute a million times",
            "a.xml",
            format!("<?xml version=\"1.0\"?><a {}>word</a>", "b=\"c\" ".repeat(DEEP)),
            READ,
        )
    },
    || {
        hostile(
            "html: nested a million deep",
            "a.html",
            format!("<html><body>{}word", "<div>".repeat(DEEP)),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "html: open marks that are carried on",
            "a.html",
            format!("<html><body>{}", "<b><i><p>word".repeat(20_000)),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "html: tables in tables",
            "a.html",
            format!("<html><body>{}word", "<table><tr><td>".repeat(100_000)),
            "limit_exceeded",
        )
    },
    || {
        hostile(
            "html: a million characters of one tag",
            "a.html",
            format!("<html><body><p>words</p><a {}", "b ".repeat(DEEP)),
            READ,
        )
    },
    || hostile("json: nested a million deep", "a.json", "[".repeat(DEEP), READ),
    || hostile("json: objects in objects", "a.json", "{\"a\":".repeat(DEEP), READ),
    || {
        hostile(
            "json: gigantic number",
            "a.json",
            format!("{{\"a\": {}e{}}}", "9".repeat(DEEP), "9".repeat(DEEP)),
            "damaged_file",
        )
    },
    || hostile("rtf: groups a million deep", "a.rtf", format!("{{\\rtf1 word {}", "{".repeat(DEEP)), "limit_exceeded"),
    || hostile("rtf: binary of two billion bytes", "a.rtf", "{\\rtf1 word \\bin2147483647 x}", READ),
    || {
        hostile(
            "rtf: gigantic numbers",
            "a.rtf",
            format!("{{\\rtf1 \\li{0}\\trowd\\cellx{0} word \\u{0} a\\cell\\row}}", "9".repeat(10_000)),
            READ,
        )
    },
    || hostile("mail: parts ten thousand deep", "a.eml", nested_parts(10_000), READ),
    || hostile("mail: ten thousand parts", "a.eml", many_parts(10_000), READ),
    || {
        hostile(
            "mail: header of ten megabytes",
            "a.eml",
            format!("From: a@example.org\nSubject: {}\n\nSome words.\n", "word ".repeat(2 << 20)),
            READ,
        )
    },
    || hostile("mail: messages in messages", "a.eml", nested_messages(2_000), READ),
    || hostile("csv: one giant field", "a.csv", format!("a,b\n1,\"{}", "word ".repeat(12 << 20)), READ),
    || {
        hostile(
            "csv: ten million columns",
            "a.csv",
            format!("{}\n{}\n", "a,".repeat(10_000_000), "b,".repeat(10_000_000)),
            "limit_exceeded",
        )
    },
    || hostile("csv: millions of rows", "a.csv", "a,b\n".repeat(8_000_000), READ),
    || hostile("markdown: quotes a hundred thousand deep", "a.md", format!("{} word", ">".repeat(100_000)), READ),
    || hostile("markdown: lists ten thousand deep", "a.md", nested_lists(3_000), READ),
    || {
        hostile(
            "markdown: brackets, stars and ticks",
            "a.md",
            format!("{} {} {} word", "[".repeat(100_000), "*a_".repeat(100_000), "`a``".repeat(100_000)),
            READ,
        )
    },
    || {
        hostile(
            "text: broken UTF-16",
            "a.txt",
            [&[0xff, 0xfe][..], &[0x00, 0xd8, b'a', 0].repeat(1 << 20), b"x"].concat(),
            READ,
        )
    },
    || hostile("text: broken UTF-8", "a.txt", b"word \xf0\x9f\x92 \xc3( \xed\xa0\x80 ".repeat(1 << 18), READ),
    || hostile("text: one line of a hundred megabytes", "a.txt", "word".repeat(25 << 20), READ),
    || hostile("text: zeros", "a.txt", vec![0; 16 << 20], "unsupported_format"),
    || {
        hostile(
            "latex: macros that call each other",
            "a.tex",
            format!(
                "\\documentclass{{a}}\\def\\a{{\\b\\b}}\\def\\b{{\\a\\a}}\\begin{{document}}Some words \\a {}\\end{{document}}",
                "{".repeat(DEEP)
            ),
            READ,
        )
    },
    || {
        hostile(
            "asciidoc: a file of the disk",
            "a.adoc",
            "= Words\n\ninclude::/etc/hostname[]\n\nSome words.\n".repeat(1_000),
            READ,
        )
    },
    || {
        hostile(
            "subtitles: hours of digits",
            "a.srt",
            format!("1\n{0}:00:00,000 --> {0}:00:01,000\nSome words\n", "9".repeat(100_000)),
            READ,
        )
    },
    || hostile("code: one line of thirty megabytes", "a.rs", format!("fn a() {{ {} }}", "a(); ".repeat(6 << 20)), READ),
];

fn laughs() -> String {
    let entity = |number: u32| format!("<!ENTITY a{number} \"{}\">", format!("&a{};", number - 1).repeat(10));
    let entities: Vec<String> = (1..30).map(entity).collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a0 \"ha\">{}]><a>&a29;</a>", entities.concat())
}

fn nested_parts(depth: usize) -> String {
    let opening = |level| format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\n\n--b{level}\n");
    let openings: Vec<String> = (0..depth).map(opening).collect();
    let openings = openings.concat();
    format!("From: a@example.org\nMIME-Version: 1.0\n{openings}Content-Type: text/plain\n\nSome words.\n")
}

fn many_parts(count: usize) -> String {
    let part = "--b\nContent-Type: text/plain; name=\"a.txt\"\nContent-Disposition: attachment; filename=\"a.txt\"\n\nSome words.\n";
    format!(
        "From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\n{}--b--\n",
        part.repeat(count)
    )
}

fn nested_messages(depth: usize) -> String {
    "From: a@example.org\nSubject: Words\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n".repeat(depth)
        + "From: a@example.org\nSubject: Words\n\nSome words.\n"
}

fn nested_lists(depth: usize) -> String {
    let items: Vec<String> = (0..depth).map(|level| format!("{}- word\n", " ".repeat(2 * level))).collect();
    items.concat()
}
