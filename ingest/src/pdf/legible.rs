//! Which pages say too little by themselves, so that text recognition should read them.

use super::glyphs::PageGlyphs;
use super::lines::{Region, TextLine};
use crate::layout::PageSize;
use crate::recognition::RecognisedPage;

/// Text is unreadable when fonts don't say what this share of its characters means.
pub(super) const UNREADABLE_SHARE: f32 = 0.1;
/// A few unknown characters are bullets and ornaments.
const MIN_UNREADABLE: u32 = 20;
/// A page with a picture over this share of it may be a scan.
const PICTURE_SHARE: f32 = 0.5;
/// A scan with a stamp, a header and a page number has fewer letters than this; a page with more is text.
const STAMP_LETTERS: usize = 200;
/// Words of some length make up this share of a text layer, or it is junk.
const WORDS_SHARE: f32 = 0.4;
/// How many times as many letters recognition must find to be believed before what the page says itself.
const MORE: f32 = 1.5;
/// Mean confidence (in percent) below which a reading replaces nothing: it may be of another script.
const MIN_CONFIDENCE: f32 = 60.0;

/// What a page's own text is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legibility {
    Text,
    /// There is none.
    Nothing,
    /// Fonts don't say what their characters mean.
    Unreadable,
    /// A picture covers the page, and there is little or junk beside it.
    Picture,
}

impl Legibility {
    pub(super) fn of(glyphs: &PageGlyphs, regions: &[Region], size: PageSize) -> Self {
        if regions.is_empty() {
            return Self::Nothing;
        }
        if glyphs.unmapped >= MIN_UNREADABLE && is_unreadable(glyphs.glyphs.len(), glyphs.unmapped as usize) {
            return Self::Unreadable;
        }
        let covers = glyphs.picture_area >= PICTURE_SHARE * size.width * size.height;
        if !covers {
            return Self::Text;
        }
        let text: Vec<String> = regions.iter().flatten().map(TextLine::visual_text).collect();
        let letters = letters(regions);
        if letters < STAMP_LETTERS || (glyphs.hidden as usize * 2 > letters && !has_words(&text.join("\n"))) {
            return Self::Picture;
        }
        Self::Text
    }

    /// Is what recognition read better than what the page says itself?
    pub(super) fn gives_way(self, regions: &[Region], recognised: &RecognisedPage) -> bool {
        let found = recognised.letters();
        let is_sure = recognised.confidence() >= MIN_CONFIDENCE;
        match self {
            Self::Text => false,
            Self::Nothing => true,
            Self::Unreadable => is_sure && found > 0,
            Self::Picture => is_sure && found as f32 > MORE * letters(regions) as f32,
        }
    }
}

pub(super) fn is_unreadable(mapped: usize, unmapped: usize) -> bool {
    unmapped as f32 > UNREADABLE_SHARE * (mapped + unmapped) as f32
}

fn letters(regions: &[Region]) -> usize {
    let chars = regions.iter().flatten().flat_map(|line| &line.segments).flat_map(|segment| &segment.chars);
    chars.filter(|placed| placed.c.is_alphanumeric()).count()
}

/// Scanners write layers of text that is none when they took a picture for print.
fn has_words(text: &str) -> bool {
    let (mut in_words, mut all) = (0, 0);
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let count = word.chars().count();
        all += count;
        if bare.chars().count() >= 3 && bare.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-')) {
            in_words += count;
        }
    }
    in_words as f32 >= WORDS_SHARE * all as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::{RecognisedLine, RecognisedWord};

    #[test]
    fn junk_has_no_words() {
        assert!(has_words("The valley was settled long before the first road reached it, in 1874."));
        assert!(has_words("谷は道路が通じるずっと前から人が住んでいた"));
        assert!(!has_words("~ ;'I|l 1i. _ -,4 ii: /\\ l1 ,. t' : ' -- i~ .~ Il ,"));
    }

    #[test]
    fn a_doubtful_reading_replaces_no_text() {
        let reading = |confidence: u8| {
            let word = RecognisedWord { text: "valley".into(), confidence, ..RecognisedWord::default() };
            let line = RecognisedLine { words: vec![word; 40], ..RecognisedLine::default() };
            RecognisedPage { number: 1, lines: vec![line], ..RecognisedPage::default() }
        };
        for own in [Legibility::Unreadable, Legibility::Picture] {
            assert!(own.gives_way(&[], &reading(90)), "{own:?}");
            assert!(!own.gives_way(&[], &reading(29)), "{own:?}");
        }
        assert!(Legibility::Nothing.gives_way(&[], &reading(29)), "little is more than nothing");
        assert!(!Legibility::Text.gives_way(&[], &reading(99)));
    }

    #[test]
    fn a_few_unknown_characters_do_not_spoil_a_page() {
        assert!(is_unreadable(100, 20));
        assert!(!is_unreadable(1_000, 20));
        assert!(!is_unreadable(0, 0));
    }
}
