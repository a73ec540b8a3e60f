//! LaTeX, without running it: what its commands would print, as far as a reader can tell.

use super::Page;
use crate::document::BlockKind;
use crate::tables::CELL_SEPARATOR;
use crate::text::one_line;

/// Longest argument of a command; braces that close later are read as text.
const MAX_ARGUMENT_BYTES: usize = 4_000;
/// Commands whose first argument is nothing to read.
const DROPPED: &[&str] = &[
    "label",
    "ref",
    "eqref",
    "pageref",
    "autoref",
    "cref",
    "Cref",
    "input",
    "include",
    "includegraphics",
    "bibliography",
    "bibliographystyle",
    "usepackage",
    "documentclass",
    "vspace",
    "hspace",
    "pagestyle",
    "thispagestyle",
    "setcounter",
    "addtocounter",
    "setlength",
    "newcommand",
    "renewcommand",
    "hypersetup",
    "cmidrule",
    "cline",
    "multicolumn",
    "multirow",
    "color",
    "textcolor",
    "definecolor",
    "fontsize",
    "selectfont",
    "pagenumbering",
    "bibitem",
    "hyphenation",
    "begin",
    "end",
    "author",
    "date",
    "affil",
    "thanks",
    "newtheorem",
    "addbibresource",
    "printbibliography",
    "rule",
];
const SECTIONS: &[(&str, usize)] = &[
    ("part", 1),
    ("chapter", 1),
    ("section", 2),
    ("subsection", 3),
    ("subsubsection", 4),
    ("paragraph", 5),
    ("subparagraph", 6),
];
const VERBATIM: &[&str] = &["verbatim", "verbatim*", "lstlisting", "minted", "alltt", "Verbatim"];
const TABULAR: &[&str] = &["tabular", "tabular*", "tabularx", "longtable", "tabulary"];
/// Formulas stay as they are written.
const MATH: &[&str] =
    &["equation", "equation*", "align", "align*", "eqnarray", "gather", "gather*", "multline", "displaymath", "math"];

pub(super) fn read(text: &str, page: &mut Page) {
    let text = without_comments(text);
    let (preamble, body) = text.split_once("\\begin{document}").unwrap_or(("", &text));
    let title = preamble.split_once("\\title").or_else(|| body.split_once("\\title"));
    if let Some((title, _)) = title.and_then(|(_, rest)| argument(rest)) {
        page.heading(1, &printed(title));
        page.title = Some(one_line(&printed(title)));
    }
    let body = body.split_once("\\end{document}").map_or(body, |(body, _)| body);
    let mut rest = body;
    while let Some(at) = rest.find(['\\', '\n']) {
        flow(page, &rest[..at]);
        rest = if rest[at..].starts_with('\n') { line_end(page, &rest[at..]) } else { command(page, &rest[at..]) };
    }
    flow(page, rest);
}

/// Source that is text of the open block.
fn flow(page: &mut Page, source: &str) {
    if source.trim().is_empty() && page.kind.is_none() {
        return;
    }
    let kind = page.kind.unwrap_or(BlockKind::Paragraph);
    page.kind = Some(kind);
    match page.lines.last_mut() {
        Some(line) => line.push_str(source),
        None => page.lines.push(source.to_owned()),
    }
}

/// Takes a line end, and the empty lines behind it, which end a paragraph.
fn line_end<'a>(page: &mut Page, source: &'a str) -> &'a str {
    let rest = source.trim_start_matches([' ', '\t', '\n']);
    if source[..source.len() - rest.len()].matches('\n').count() > 1 {
        end(page);
    } else {
        flow(page, " ");
    }
    rest
}

fn end(page: &mut Page) {
    for line in &mut page.lines {
        *line = printed(line);
    }
    page.end();
}

/// Takes a command that changes blocks, or leaves it to the text around it.
fn command<'a>(page: &mut Page, source: &'a str) -> &'a str {
    let (name, rest) = name(source);
    let section = SECTIONS.iter().find(|(section, _)| *section == name);
    if let Some(((_, level), (title, rest))) = section.zip(argument(rest.trim_start_matches('*'))) {
        end(page);
        page.heading(*level, &printed(title));
        return rest;
    }
    match name {
        "begin" => {
            if let Some((environment, rest)) = argument(rest) {
                return begin(page, environment, rest);
            }
        }
        "end" | "maketitle" | "par" | "newpage" | "clearpage" | "hline" | "title" => {
            end(page);
            return argument(rest).map_or(rest, |(_, rest)| rest);
        }
        "item" | "bibitem" => {
            end(page);
            page.kind = Some(BlockKind::ListItem);
            return if name == "bibitem" { argument(rest).map_or(rest, |(_, rest)| rest) } else { rest };
        }
        "caption" => {
            if let Some((caption, rest)) = argument(rest) {
                end(page);
                page.builder.push(BlockKind::Caption, &printed(caption));
                return rest;
            }
        }
        _ => {}
    }
    // A control symbol, such as `\\\\`, is two characters.
    let symbol = if name.is_empty() { rest.chars().next().map_or(0, char::len_utf8) } else { 0 };
    let length = source.len() - rest.len() + symbol;
    flow(page, &source[..length]);
    &source[length..]
}

fn begin<'a>(page: &mut Page, environment: &str, rest: &'a str) -> &'a str {
    end(page);
    let is = |names: &[&str]| names.contains(&environment);
    if is(VERBATIM) || is(TABULAR) || is(MATH) {
        let close = format!("\\end{{{environment}}}");
        let (inside, after) = rest.split_once(&close).unwrap_or((rest, ""));
        if is(VERBATIM) {
            page.builder.push(BlockKind::Code, inside);
        } else if is(MATH) {
            page.builder.push(BlockKind::Paragraph, inside);
        } else {
            table(page, inside);
        }
        return after;
    }
    if environment == "abstract" {
        page.heading(2, "Abstract");
    }
    rest
}

fn table(page: &mut Page, source: &str) {
    // Width and columns come first.
    let mut source = source;
    while let Some((_, rest)) = argument(source) {
        source = rest;
    }
    let source = source.replace("\\&", "\u{0}");
    let rows = source.split("\\\\").map(|row| {
        let cells = row.split('&').map(|cell| printed(&cell.replace('\u{0}', "\\&")));
        let cells: Vec<String> = cells.map(|cell| one_line(&cell)).collect();
        cells.join(CELL_SEPARATOR)
    });
    let rows: Vec<String> = rows.collect();
    page.builder.push(BlockKind::Table, &rows.join("\n"));
}

fn without_comments(text: &str) -> String {
    let comment = |line: &str| {
        let bytes = line.as_bytes();
        (0..bytes.len()).find(|at| bytes[*at] == b'%' && (*at == 0 || bytes[at - 1] != b'\\'))
    };
    let lines = text.lines().map(|line| comment(line).map_or(line, |at| &line[..at]));
    lines.collect::<Vec<_>>().join("\n")
}

/// The name of the command that begins here, and what follows it.
fn name(source: &str) -> (&str, &str) {
    let length = source.bytes().skip(1).take_while(u8::is_ascii_alphabetic).count();
    (&source[1..=length], &source[length + 1..])
}

/// The first argument in braces, behind optional ones in brackets; and what follows it.
fn argument(source: &str) -> Option<(&str, &str)> {
    let mut source = source.trim_start();
    while let Some(optional) = source.strip_prefix('[') {
        source = optional.get(optional.find(']')? + 1..)?.trim_start();
    }
    let inside = source.strip_prefix('{')?;
    let mut depth = 1;
    for (at, byte) in inside.bytes().enumerate().take(MAX_ARGUMENT_BYTES) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..at], &inside[at + 1..]));
        }
    }
    None
}

/// What a piece of source prints.
fn printed(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(['\\', '{', '}', '~', '$']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let character = rest.chars().next().unwrap_or_default();
        if character == '\\' {
            rest = printed_command(rest, &mut text);
            continue;
        }
        if character == '~' {
            text.push(' ');
        }
        rest = &rest[1..];
    }
    text.push_str(rest);
    text.replace("---", "—").replace("--", "–").replace("``", "“").replace("''", "”")
}

fn printed_command<'a>(source: &'a str, text: &mut String) -> &'a str {
    let (name, rest) = name(source);
    if name.is_empty() {
        let Some(character) = rest.chars().next() else { return "" };
        let after = &rest[character.len_utf8()..];
        match (character, accent(character)) {
            ('\\' | ',' | ';' | ':' | ' ' | '!' | '/', _) => text.push(' '),
            ('(' | ')' | '[' | ']' | '-', _) => {}
            (_, Some(accent)) => return accented(after, accent, text),
            _ => text.push(character),
        }
        return after;
    }
    let after = rest.strip_prefix(' ').unwrap_or(rest);
    match name {
        "c" => return accented(rest, '\u{327}', text),
        "v" => return accented(rest, '\u{30c}', text),
        "ss" => text.push('ß'),
        "ae" => text.push('æ'),
        "oe" => text.push('œ'),
        "o" => text.push('ø'),
        "aa" => text.push('å'),
        "textbackslash" => text.push('\\'),
        "ldots" | "dots" => text.push('…'),
        "quad" | "qquad" | "newline" | "footnote" => text.push(' '),
        _ if DROPPED.contains(&name) || name.starts_with("cite") => {
            return argument(rest).map_or(rest, |(_, rest)| rest);
        }
        _ => {
            // Optional arguments are for the program.
            let optional = rest.strip_prefix('[').and_then(|inside| inside.split_once(']'));
            return optional.filter(|(option, _)| option.len() < 80).map_or(after, |(_, rest)| rest);
        }
    }
    after
}

fn accent(mark: char) -> Option<char> {
    Some(match mark {
        '\'' => '\u{301}',
        '`' => '\u{300}',
        '^' => '\u{302}',
        '"' => '\u{308}',
        '~' => '\u{303}',
        '=' => '\u{304}',
        '.' => '\u{307}',
        _ => return None,
    })
}

/// A letter and the accent that stands before it; blocks compose them.
fn accented<'a>(source: &'a str, accent: char, text: &mut String) -> &'a str {
    let source = source.trim_start_matches([' ', '{', '\\']);
    let Some(letter) = source.chars().next() else { return source };
    text.push(letter);
    text.push(accent);
    let rest = &source[letter.len_utf8()..];
    rest.strip_prefix('}').unwrap_or(rest)
}
