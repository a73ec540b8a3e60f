//! Source code and configuration: its lines as they are, in pieces that end where the author left a gap.

use crate::blocks::BlockBuilder;
use crate::document::{BlockKind, MediaType, ParsedDocument};
use crate::text::decode;

/// A piece ends at the first empty line after this many lines …
const LEAST_LINES: usize = 20;
/// … or after this many, gap or not.
const MAX_LINES: usize = 60;

const EXTENSIONS: &[&str] = &[
    "rs",
    "py",
    "pyi",
    "js",
    "mjs",
    "cjs",
    "jsx",
    "ts",
    "tsx",
    "c",
    "h",
    "cc",
    "cpp",
    "cxx",
    "hpp",
    "hh",
    "cs",
    "java",
    "kt",
    "kts",
    "scala",
    "groovy",
    "gradle",
    "go",
    "rb",
    "php",
    "pl",
    "pm",
    "lua",
    "r",
    "jl",
    "swift",
    "m",
    "mm",
    "dart",
    "ex",
    "exs",
    "erl",
    "hrl",
    "hs",
    "ml",
    "mli",
    "fs",
    "fsx",
    "clj",
    "cljs",
    "lisp",
    "el",
    "scm",
    "vb",
    "bas",
    "pas",
    "f90",
    "f95",
    "f",
    "asm",
    "s",
    "zig",
    "nim",
    "v",
    "vhd",
    "sv",
    "sh",
    "bash",
    "zsh",
    "fish",
    "ps1",
    "bat",
    "cmd",
    "awk",
    "sed",
    "sql",
    "graphql",
    "proto",
    "thrift",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "properties",
    "env",
    "tf",
    "hcl",
    "nix",
    "cmake",
    "mk",
    "css",
    "scss",
    "sass",
    "less",
    "vue",
    "svelte",
    "diff",
    "patch",
    "log",
    "json",
    "json5",
    "jsonc",
];
const NAMES: &[&str] =
    &["makefile", "dockerfile", "containerfile", "jenkinsfile", "vagrantfile", "rakefile", "gemfile"];

/// Whether a file of this name is code, given that it is text.
pub(crate) fn is_code(extension: &str, file_name: Option<&str>) -> bool {
    let name = file_name.and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    EXTENSIONS.contains(&extension) || NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

pub fn parse(bytes: &[u8]) -> ParsedDocument {
    let (text, warning) = decode(bytes);
    let mut builder = BlockBuilder::default();
    let mut piece: Vec<&str> = Vec::new();
    for line in text.lines() {
        let gap = line.trim().is_empty();
        if gap && piece.len() >= LEAST_LINES || piece.len() >= MAX_LINES {
            builder.push(BlockKind::Code, &piece.join("\n"));
            piece.clear();
        }
        if !(gap && piece.is_empty()) {
            piece.push(line);
        }
    }
    builder.push(BlockKind::Code, &piece.join("\n"));
    ParsedDocument::flowing(MediaType::Code, None, builder.finish(), warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_at_gaps_and_no_line_is_lost() {
        let function = |number: usize| format!("fn f{number}() {{\n{}}}\n", "    work();\n".repeat(10));
        let source: Vec<String> = (0..6).map(function).collect();
        let document = parse(source.join("\n").as_bytes());
        assert_eq!(document.blocks.len(), 3);
        for block in &document.blocks {
            assert!(block.text.starts_with("fn f") && block.text.ends_with('}'), "{}", block.text);
            assert!(block.text.contains("\n    work();\n"));
        }
        let flat = parse("x = 1\n".repeat(1000).as_bytes());
        assert_eq!(flat.blocks.iter().map(|block| block.text.lines().count()).sum::<usize>(), 1000);
        assert!(flat.blocks.len() > 10);
    }
}
