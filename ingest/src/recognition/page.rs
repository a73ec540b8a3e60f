//! What text recognition reads on one page. Kept between tries of a job, so small: whole pixels.

use serde::{Deserialize, Serialize};

/// A page that was recognised; without lines where it holds no text. Lengths in pixels from the top left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognisedPage {
    /// 1-based.
    pub number: u32,
    pub width: u32,
    pub height: u32,
    pub dots_per_inch: u32,
    /// As tesseract names its language data, for example `fra`; empty where none was needed.
    pub language: String,
    pub lines: Vec<RecognisedLine>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognisedLine {
    /// Direction of the text, clockwise from rightwards: 0, 90, 180 or 270.
    pub degrees: u16,
    pub bounds: PixelBox,
    /// How far the base line lies above the lower edge, seen in the direction of the text.
    pub rise: u32,
    /// From the foot of the descenders to the top of the ascenders.
    pub size: u32,
    pub words: Vec<RecognisedWord>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognisedWord {
    /// Never empty, NFC, no white space.
    pub text: String,
    /// In percent.
    pub confidence: u8,
    pub bounds: PixelBox,
    /// Where characters meet, one more than there are; empty where recognition did not say.
    pub edges: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelBox {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl RecognisedPage {
    /// Mean over the characters, in percent; 0 without any.
    pub fn confidence(&self) -> f32 {
        mean_confidence(self.words())
    }

    pub fn letters(&self) -> usize {
        self.words().flat_map(|word| word.text.chars()).filter(|c| c.is_alphanumeric()).count()
    }

    /// Words with spaces between them, line by line.
    pub fn text(&self) -> String {
        let lines = self.lines.iter().map(RecognisedLine::text);
        lines.collect::<Vec<_>>().join("\n")
    }

    fn words(&self) -> impl Iterator<Item = &RecognisedWord> {
        self.lines.iter().flat_map(|line| &line.words)
    }
}

impl RecognisedLine {
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    pub fn confidence(&self) -> f32 {
        mean_confidence(self.words.iter())
    }
}

fn mean_confidence<'a>(words: impl Iterator<Item = &'a RecognisedWord>) -> f32 {
    let (mut sum, mut chars) = (0_u64, 0_u64);
    for word in words {
        let count = word.text.chars().count() as u64;
        sum += count * u64::from(word.confidence);
        chars += count;
    }
    if chars == 0 { 0.0 } else { sum as f32 / chars as f32 }
}
